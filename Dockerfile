# Three images, each by its target: serve (the default, without torch), serve-gpu, train. deploy/README.md runs them.
#   docker build -t likebut . && docker build --target train -t likebut:train .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcairo2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --user-group --no-create-home --home-dir /tmp likebut \
    && install -d -o likebut -g likebut /gallery /keys /runs
ENV PATH=/opt/likebut/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

FROM base AS source
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1
COPY pyproject.toml constraints.txt README.md LICENSE likebut.py ./
COPY deploy/install.sh deploy/
COPY models models
COPY index index
COPY service service
COPY training training

FROM source AS cpu
# cpu,stores and the driver s3fs read s3://…; cpu,milvus is for a gallery in Milvus
ARG EXTRAS=cpu
ARG DRIVERS=
# hadolint ignore=SC2086
RUN deploy/install.sh "$EXTRAS" /opt/likebut $DRIVERS

FROM source AS gpu
# gpu,tensorrt adds TensorRT, whose wheels come from NVIDIA's own index: PIP_EXTRA_INDEX_URL names it
ARG GPU_EXTRAS=gpu
RUN deploy/install.sh "$GPU_EXTRAS" /opt/likebut

FROM source AS trainer
RUN deploy/install.sh gpu,train,triplets /opt/likebut

# likebut train CONFIG --out /runs/NAME, and likebut evaluate … --provider cuda; all of it runs without a GPU, too
FROM base AS train
COPY --from=trainer /opt/likebut /opt/likebut
USER 1000:1000
WORKDIR /runs
ENTRYPOINT ["likebut"]
CMD ["--help"]

# What both images that serve have in common; nothing but /gallery and /tmp is written.
FROM base AS server
COPY deploy/backup.sh /usr/local/bin/likebut-backup
ENV LIKEBUT_HOST=0.0.0.0 LIKEBUT_GALLERY=/gallery LIKEBUT_KEYS=/keys/keys.jsonl
USER 1000:1000
WORKDIR /gallery
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"LIKEBUT_PORT\", 8000)}/livez', timeout=4)"]
CMD ["likebut", "serve"]

FROM server AS serve-gpu
COPY --from=gpu /opt/likebut /opt/likebut
ENV LIKEBUT_PROVIDER=cuda

# Last, so that it is what a build without a target makes.
FROM server AS serve
COPY --from=cpu /opt/likebut /opt/likebut
