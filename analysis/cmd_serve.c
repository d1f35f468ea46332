/* analysis/cmd_serve.c -- pfsim serve: the provisioning server alone, in the foreground. */
#include <string.h>
#include <sys/stat.h>

#include "analysis/interrupt.h"
#include "analysis/program.h"
#include "sim/err.h"
#include "sim/server/server.h"
#include "sim/units.h"

static const struct analysis_usage usage = {
    .command = "serve",
    .arguments = "DIR [flags]",
    .does =
        "Serves the files below DIR by HTTP, TFTP and (with --https-port or --cert) HTTPS, "
        "read-only,\n"
        "on loopback unless --bind says otherwise. Nothing outside DIR can be reached. Ends with\n"
        "Ctrl-C.\n",
    .statuses = "  0    ended by Ctrl-C\n"
                "  2    bad command line\n"
                "  3    it can't serve: a port is taken, DIR can't be read ...\n",
    .example = "pfsim serve /srv/tftp --port 6970 --tftp-port 6969 --bind 192.168.1.10 --log -",
};

struct flags {
    const char *port, *tftp_port, *https_port, *bind, *cert, *key, *uplink, *max_transfers,
        *overflow, *response_time, *upload, *log;
};

struct ready {
    const struct analysis_program *program;
    const char *dir;
};

static void print_ready(void *context, const struct sim_server_ports *ports)
{
    const struct ready *r = context;
    char addr[SIM_ADDR_TEXT_MAX];

    sim_addr_format(ports->addr, addr);
    fprintf(r->program->out, "serving %s\n", r->dir);
    if (ports->http != 0) {
        fprintf(r->program->out, "  http://%s:%u/\n", addr, ports->http);
    }
    if (ports->https != 0) {
        fprintf(r->program->out, "  https://%s:%u/\n", addr, ports->https);
    }
    if (ports->ca_file[0] != '\0') {
        fprintf(r->program->out, "  (certificate of this run: %s)\n", ports->ca_file);
    }
    if (ports->tftp != 0) {
        fprintf(r->program->out, "  tftp://%s:%u/\n", addr, ports->tftp);
    }
    fprintf(r->program->out, "Ctrl-C ends it.\n");
    fflush(r->program->out);
}

static int wrong(const struct analysis_program *program, const char *flag, const char *value,
                 const char *expected)
{
    return analysis_program_fail(program, "serve", ANALYSIS_USAGE, "--%s %.60s: expected %s", flag,
                                 value, expected);
}

static bool read_port(const char *text, uint16_t *out)
{
    uint64_t value;

    if (text == NULL) {
        return true;
    }
    if (analysis_options_number(text, UINT16_MAX, &value) != 0) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

static int read_limits(const struct analysis_program *program, const struct flags *f,
                       struct sim_server_config *config)
{
    if (f->uplink != NULL && strcmp(f->uplink, "none") != 0 &&
        sim_units_parse_rate(f->uplink, &config->uplink_bit_s) != 0) {
        return wrong(program, "uplink", f->uplink, "a rate with its unit, like \"10 Mbit/s\"");
    }
    if (f->max_transfers != NULL && strcmp(f->max_transfers, "none") != 0) {
        uint64_t value;
        if (analysis_options_number(f->max_transfers, UINT32_MAX, &value) != 0 || value == 0) {
            return wrong(program, "max-transfers", f->max_transfers,
                         "a whole number from 1 on, or none");
        }
        config->max_transfers = (uint32_t)value;
    }
    if (f->overflow != NULL) {
        if (strcmp(f->overflow, "queue") == 0) {
            config->overflow = SIM_OVERFLOW_QUEUE;
        } else if (strcmp(f->overflow, "refuse") != 0) {
            return wrong(program, "overflow", f->overflow, "refuse or queue");
        }
    }
    if (f->response_time != NULL &&
        sim_units_parse_duration(f->response_time, &config->response_time) != 0) {
        return wrong(program, "response-time", f->response_time,
                     "a duration with its unit, like \"2 ms\"");
    }
    return ANALYSIS_OK;
}

static int read_flags(const struct analysis_program *program, const struct flags *f,
                      struct sim_server_config *config)
{
    static const char port_expected[] = "a port from 0 (any) to 65535";

    if (!read_port(f->port, &config->http_port)) {
        return wrong(program, "port", f->port, port_expected);
    }
    if (!read_port(f->tftp_port, &config->tftp_port)) {
        return wrong(program, "tftp-port", f->tftp_port, port_expected);
    }
    if (!read_port(f->https_port, &config->https_port)) {
        return wrong(program, "https-port", f->https_port, port_expected);
    }
    if (f->bind != NULL && sim_addr_parse(f->bind, &config->bind_addr) != 0) {
        return wrong(program, "bind", f->bind, "one IPv4 address of this host, or 0.0.0.0 for all");
    }
    config->bind_any = f->bind != NULL && config->bind_addr == 0;
    if ((f->cert == NULL) != (f->key == NULL)) {
        return analysis_program_fail(program, "serve", ANALYSIS_USAGE,
                                     "--cert and --key belong together");
    }
    config->https = f->https_port != NULL || f->cert != NULL;
    config->tls_cert_file = f->cert;
    config->tls_key_file = f->key;
    config->upload_root = f->upload;
    config->access_log = f->log;
    return read_limits(program, f, config);
}

static int check_folder(const struct analysis_program *program, const char *dir)
{
    struct stat st;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return analysis_program_fail(program, "serve", ANALYSIS_REFUSED, "%.300s is not a folder",
                                     dir);
    }
    return ANALYSIS_OK;
}

int analysis_cmd_serve(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, 1, "the folder to serve"};
    struct flags f = {.port = NULL};
    const struct analysis_option options[] = {
        {"port", ANALYSIS_OPTION_TEXT, &f.port, "N", "HTTP; default 0: the kernel chooses"},
        {"tftp-port", ANALYSIS_OPTION_TEXT, &f.tftp_port, "N", "TFTP; default 0: likewise"},
        {"https-port", ANALYSIS_OPTION_TEXT, &f.https_port, "N", "HTTPS too; 0: likewise"},
        {"bind", ANALYSIS_OPTION_TEXT, &f.bind, "ADDRESS", "default 127.0.0.1; 0.0.0.0: all"},
        {"cert", ANALYSIS_OPTION_TEXT, &f.cert, "FILE", "HTTPS certificate, PEM; default: made up"},
        {"key", ANALYSIS_OPTION_TEXT, &f.key, "FILE", "its private key, PEM"},
        {"uplink", ANALYSIS_OPTION_TEXT, &f.uplink, "RATE", "of all that leaves; default none"},
        {"max-transfers", ANALYSIS_OPTION_TEXT, &f.max_transfers, "N", "at once; default none"},
        {"overflow", ANALYSIS_OPTION_TEXT, &f.overflow, "refuse|queue",
         "what happens to one more; default refuse"},
        {"response-time", ANALYSIS_OPTION_TEXT, &f.response_time, "TIME",
         "before the first byte of an answer; default 0 s"},
        {"upload", ANALYSIS_OPTION_TEXT, &f.upload, "DIR",
         "TFTP clients may write new files there"},
        {"log", ANALYSIS_OPTION_TEXT, &f.log, "FILE", "a line a request; - is standard error"},
        {.name = NULL},
    };
    struct sim_server_config config = {.http = true, .tftp = true};
    struct analysis_command_line line;
    char why[SIM_SERVER_TEXT_MAX];
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    struct ready ready = {program, line.words[0]};
    config.root = line.words[0];
    if ((status = read_flags(program, &f, &config)) != ANALYSIS_OK ||
        (status = check_folder(program, line.words[0])) != ANALYSIS_OK) {
        return status;
    }
    analysis_interrupt_hold();
    if (sim_server_run(&config, analysis_interrupt_flag(), print_ready, &ready, why) != 0) {
        return analysis_program_fail(program, "serve", ANALYSIS_REFUSED, "%s", why);
    }
    return ANALYSIS_OK;
}
