# The page and the APIs. On a CPU: docker build -t kikitori .
# On an NVIDIA GPU: docker build --build-arg TORCH_BACKEND=cu128 -t kikitori .
FROM python:3.12-slim-bookworm AS build
# cpu, or a version of CUDA as uv names it: cu126, cu128, cu130
ARG TORCH_BACKEND=cpu
RUN pip install --no-cache-dir uv==0.9.7
WORKDIR /source
COPY requirements.txt pre-requirements.txt ./
# pre-requirements.txt holds the versions that are tested together.
RUN uv venv /opt/kikitori \
    && uv pip install --no-cache --compile-bytecode --python /opt/kikitori --torch-backend "$TORCH_BACKEND" \
    -r requirements.txt -c pre-requirements.txt
COPY pyproject.toml README.md LICENSE LICENCES.md ./
COPY kikitori kikitori
COPY assets assets
COPY examples examples
RUN uv pip install --no-cache --python /opt/kikitori --compile-bytecode --no-deps .

FROM python:3.12-slim-bookworm
RUN useradd --uid 1000 --no-create-home --home-dir /tmp kikitori \
    && mkdir /models && chown kikitori /models
COPY --from=build /opt/kikitori /opt/kikitori
# Only /models, for the checkpoints, and /tmp, for uploads, are written to.
ENV PATH=/opt/kikitori/bin:$PATH \
    HF_HOME=/models \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000
VOLUME /models
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
ENTRYPOINT ["kikitori"]
CMD ["page", "--host", "0.0.0.0", "--port", "7860"]
