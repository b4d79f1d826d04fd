# The MONAI Application Package; docs/map.md says how it is built, run and tested.
#
# BASE   any Debian or Ubuntu image with Python 3.11 and its module venv
# BUILD  which torch: cpu or gpu
# Packages come from the folder out/map/wheels, which `make map` fills, and otherwise from the index that pip is told of.
# The CPU build of torch has an index of its own: PIP_EXTRA_INDEX_URL. All of them are compared with their known hashes.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ARG BUILD=cpu
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_NO_INDEX
# Neither pip nor an import compiles: what they leave depends on the times of files, what compileall leaves does not.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/spine-segmentation
COPY configs/image/requirements-build.txt configs/image/requirements-${BUILD}.txt ./
# hadolint ignore=SC2086
RUN --mount=type=bind,target=/context \
    for environment in build:build spine-segmentation:${BUILD}; do \
        /opt/build/bin/python3 -m pip --python /opt/${environment%:*}/bin/python3 install --quiet --no-compile \
            --require-hashes --no-deps --find-links /context/out/map/wheels --requirement requirements-${environment#*:}.txt || exit 1; \
    done
# The first start of Python finishes the installation of Holoscan, with the help of pip. Then headers and tests go, which
# nothing imports (two hold private keys); the code is compiled for a read-only image in which times of files mean nothing.
# hadolint ignore=DL3003
RUN cd /opt/spine-segmentation/lib/python3*/site-packages \
    && PYTHONPATH=$(echo /opt/build/lib/python3*/site-packages) /opt/spine-segmentation/bin/python3 -c pass \
    && rm -rf torch/include torch/test nvidia/*/include \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && find gevent networkx nibabel pynetdicom scipy skimage sympy -type d -name tests -prune -exec rm -r {} + \
    && /opt/spine-segmentation/bin/python3 -m compileall -q -x torch/testing/_internal --invalidation-mode unchecked-hash .

FROM packages AS application
ARG BUILD
COPY pyproject.toml README.md LICENSE ./
COPY bundle bundle
COPY spine_segmentation spine_segmentation
COPY operators /image/opt/holoscan/operators
COPY app /image/opt/holoscan/app
COPY scripts/write_sbom.py ./
ENV PYTHONPATH=/image/opt/holoscan:/image/opt/holoscan/lib
RUN /opt/build/bin/python3 -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/build/bin/python3 -m pip --python /opt/spine-segmentation/bin/python3 install --quiet --no-compile --no-index \
        --no-deps --target /image/opt/holoscan/lib wheels/*.whl \
    && mv /image/opt/holoscan/lib/spine_segmentation/bundle /image/opt/holoscan/models \
    && ln -s /opt/holoscan/models /image/opt/holoscan/lib/spine_segmentation/bundle
# hadolint ignore=DL3003
RUN cd /image/opt/holoscan \
    && if [ "${BUILD}" = gpu ]; then sed -i 's/device: cpu/device: cuda/; s/gpu: 0/gpu: 1/' app/app.yaml; fi \
    && /opt/spine-segmentation/bin/python3 -m app.manifests /image models \
    && install -d docs /image/var/holoscan && cp /build/README.md /build/LICENSE docs/ && cp app/app.yaml /image/var/holoscan/ \
    && printf '#!/opt/spine-segmentation/bin/python3\nfrom app.entrypoint import main\n\nmain()\n' > /image/var/holoscan/tools \
    && chmod 755 /image/var/holoscan/tools \
    && /opt/build/bin/python3 /build/write_sbom.py /opt/spine-segmentation/bin/python3 /build/pyproject.toml docs/sbom.cdx.json \
    && /opt/spine-segmentation/bin/python3 -c "import spine_segmentation, app.app, spine_segmentation.pacs.worker_main" \
    && /opt/spine-segmentation/bin/python3 -m compileall -q --invalidation-mode unchecked-hash .

# The base without what a running application has no use for, and without the day on which it was made (of passwords).
FROM ${BASE} AS system
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip \
        /usr/local/bin/pip* /usr/share/python-wheels /usr/share/locale/* /usr/share/man/* /usr/share/info/* \
        /var/cache/* /var/lib/apt/lists/* /var/log/* \
    && find /usr/share/doc -type f ! -name copyright -delete \
    && find / -xdev -type f -perm /6000 -exec chmod ug-s {} + \
    && python3 -m compileall -q -x '/(tests?|lib2to3)/' --invalidation-mode unchecked-hash \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && chmod 755 /var/tmp /run/lock \
    && useradd --uid 1000 --no-log-init --no-create-home --home-dir /var/holoscan --shell /usr/sbin/nologin spine \
    && sed -i -E 's/^([^:]*:[^:]*:)[0-9]+/\1/' /etc/shadow && rm -f /etc/*- \
    && install -d -o spine -g spine /var/holoscan/input /var/holoscan/output \
    && install -d -o spine -g spine -m 700 /var/lib/spine-segmentation

FROM scratch
# hadolint ignore=DL3067
COPY --from=system / /
COPY --from=packages /opt/spine-segmentation /opt/spine-segmentation
COPY --from=application /image /
ENV PATH=/opt/spine-segmentation/bin:/opt/holoscan/lib/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/holoscan:/opt/holoscan/lib \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LANG=C.UTF-8 \
    HOME=/var/holoscan \
    HOLOSCAN_APPLICATION=/opt/holoscan/app \
    HOLOSCAN_INPUT_PATH=/var/holoscan/input \
    HOLOSCAN_OUTPUT_PATH=/var/holoscan/output \
    HOLOSCAN_WORKDIR=/var/holoscan \
    HOLOSCAN_MODEL_PATH=/opt/holoscan/models \
    HOLOSCAN_CONFIG_PATH=/var/holoscan/app.yaml \
    HOLOSCAN_APP_MANIFEST_PATH=/etc/holoscan/app.json \
    HOLOSCAN_PKG_MANIFEST_PATH=/etc/holoscan/pkg.json \
    HOLOSCAN_DOCS_PATH=/opt/holoscan/docs
LABEL org.opencontainers.image.title="spine-segmentation" \
      org.opencontainers.image.description="Vertebrae and intervertebral discs in spine MRI; research use only" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="/opt/holoscan/docs/README.md"
WORKDIR /var/holoscan
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/var/holoscan/tools", "health"]
ENTRYPOINT ["/var/holoscan/tools"]
