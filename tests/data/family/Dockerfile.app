FROM lang:3
WORKDIR /srv/app
COPY app/ /
ENV APP_PORT=8080
EXPOSE 8080/tcp
VOLUME /srv/app/data
USER 1000:1000
LABEL org.opencontainers.image.title="app" org.opencontainers.image.version="1.0"
HEALTHCHECK --interval=30s --retries=3 CMD ["lang", "check"]
ENTRYPOINT ["lang", "/srv/app/main"]
CMD ["--config", "/etc/app.conf"]
