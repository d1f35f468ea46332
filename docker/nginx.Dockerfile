# nginx with docker/nginx.conf and a certificate of its own.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light openssl && rm -rf /var/lib/apt/lists/*
COPY docker/nginx.conf /etc/pfsim/nginx.conf
RUN mkdir -p /srv/tls /srv/firmware /run/pfsim-nginx \
 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=nginx \
      -addext subjectAltName=DNS:nginx -keyout /srv/tls/key.pem -out /srv/tls/cert.pem
CMD ["nginx", "-p", "/run/pfsim-nginx", "-c", "/etc/pfsim/nginx.conf"]
