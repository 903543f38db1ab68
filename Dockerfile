# CPU:  docker build -t mloss-lab .
# CUDA: docker build -t mloss-lab --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
# Run:  docker run --rm -p 127.0.0.1:8501:8501 -v mloss-cache:/app/cache mloss-lab
#       (add --gpus all for the CUDA image)
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --create-home --uid 1000 lab
WORKDIR /app

# torch and torchvision must come from the same index: builds of different kinds do not work together.
COPY requirements.txt ./
RUN pip install --index-url "${TORCH_INDEX}" "torch>=2.10,<3" "torchvision>=0.25,<1" \
    && pip install -r requirements.txt

COPY --chown=lab:lab . .
RUN mkdir -p cache && chown lab:lab cache
USER lab
VOLUME ["/app/cache"]
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# Inside the container the server listens on every address; publish it on 127.0.0.1 as above.
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
