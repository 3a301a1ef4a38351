# The service without torch: docker build -t likebut . && docker run -p 127.0.0.1:8000:8000 -v "$PWD/gallery:/gallery" likebut
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends libcairo2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 likebut

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY models models
COPY index index
COPY service service
COPY training training
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[cpu]"

USER likebut
WORKDIR /home/likebut
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["likebut", "serve", "--host", "0.0.0.0", "--gallery", "/gallery"]
