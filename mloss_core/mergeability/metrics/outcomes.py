"""What is known of a pair beside its weights and activations: how good its start is, and what its average does."""

from mloss_core.mergeability.metrics.record import FRACTION, Metric

OUTCOME = (
    Metric(
        name="zero_shot_strength",
        title="Zero-shot strength",
        category="outcome",
        formula="½ (accuracy of θ₀ on a's task + on b's task)",
        unit="fraction",
        range=FRACTION,
        higher_is_better=True,
        needs_data="labeled",
        facts="zero_shot",
        function=lambda facts: float(facts["accuracy"].mean()),
        summary="Accuracy of the pretrained model on validation images of the two tasks: what a merge has for nothing. "
        "It says nothing of the two fine-tuned models.",
    ),
    Metric(
        name="merged_agreement",
        title="Agreement of the averaged pair",
        category="outcome",
        formula="share of images with argmax(½ a + ½ b) = argmax(own expert)",
        unit="fraction",
        range=FRACTION,
        higher_is_better=True,
        needs_data="unlabeled",
        facts="agreement",
        function=lambda facts: float(facts["agreement"].mean()),
        summary="The pair is really averaged, and its answers are held against those of each task's own fine-tuned "
        "model on unlabeled calibration images. No prediction: it is what predictors are measured against.",
    ),
)
