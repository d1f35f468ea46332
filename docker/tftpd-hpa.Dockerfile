# tftpd-hpa with docker/tftpd-hpa.args.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends tftpd-hpa && rm -rf /var/lib/apt/lists/*
COPY docker/tftpd-hpa.args /etc/pfsim/tftpd-hpa.args
CMD ["sh", "-c", "exec in.tftpd --foreground $(sed 's/#.*//' /etc/pfsim/tftpd-hpa.args)"]
