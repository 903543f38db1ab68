# CPU:   docker build -t mloss-lab .
# CUDA:  docker build -t mloss-lab --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
#        (or the index of another CUDA version that the machine's driver supports)
# Run:   docker run --rm --init -p 127.0.0.1:8501:8501 -v mloss-cache:/app/cache mloss-lab
#        With a GPU add --gpus all. The app has no log-in: publish it on 127.0.0.1, as here, or behind a proxy that has one.
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    MLOSS_CACHE=/app/cache

RUN useradd --create-home --uid 1000 lab
WORKDIR /app

# torch and torchvision come from the same index, in one step: builds of different kinds do not work together. The second
# step finds them installed and leaves them alone.
COPY requirements.txt ./
RUN grep -E '^torch(vision)?[<>=~]' requirements.txt > torch.txt \
    && pip install --index-url "${TORCH_INDEX}" -r torch.txt \
    && pip install -r requirements.txt \
    && rm torch.txt

# The code belongs to root: the app can change nothing but its cache.
COPY . .
RUN python -m compileall -q app.py pages ui mloss_core \
    && install -d -o lab -g lab cache
USER 1000:1000
VOLUME ["/app/cache"]
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# Inside the container the server listens on every address; it is `docker run -p` that keeps it on 127.0.0.1. Behind a
# proxy name the host that browsers ask for, after the image in `docker run`: all of this command with
# --server.allowedHosts=lab.example.org (repeatable); the names of .streamlit/config.toml no longer count then.
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
