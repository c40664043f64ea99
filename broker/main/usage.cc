#include "broker/main/usage.h"

#include <fmt/format.h>

#include "broker/base/version.h"
#include "broker/tls/suites.h"

namespace natrix::main {
namespace {

constexpr const char* kOptions = R"(
Server options:
    -a, --addr, --net <host>         address to listen on (default: 0.0.0.0)
    -p, --port <port>                port for clients (default: 4222, -1: any free one)
    -n, --name, --server_name <name> name of this server (default: its id)
    -P, --pid <file>                 write the process id to this file
    -m, --http_port <port>           port for monitoring over HTTP (-1: any free one)
    -ms, --https_port <port>         port for monitoring over HTTPS, with the certificate of --tls
    -c, --config <file>              configuration file
    -t                               check the configuration and end
        --test_reload <file>         with -t: check, too, whether a running broker could reload that file
                                     (exit code 3: it has to be restarted)
    -sl, --signal <signal>[=<pid>]   signal a running broker: ldm, stop, quit, term, reopen, reload;
                                     <pid> is a process id or the path of a pid file
        --client_advertise <host[:port]>
                                     address for clients that other servers tell them
        --ports_file_dir <dir>       write the ports in use to <dir>/<program>_<pid>.ports
        --natrix_shards <number>     threads that move messages (default: one for each core)

Log options:
    -l, --log <file>                 log to this file (default: standard error)
    -T, --logtime[=false]            time in every line (default: true)
        --logtime_utc                that time in UTC
    -s, --syslog                     log to the system's log daemon
    -r, --remote_syslog <addr>       log to a daemon elsewhere, e.g. udp://127.0.0.1:514
    -D, --debug                      log details
    -V, --trace                      log the protocol
    -VV                              as -V, system account included
    -DV                              as -D -V
    -DVV                             as -D -VV
        --log_size_limit <bytes>     begin a new log file past this size
        --max_traced_msg_len <bytes> show this much of a traced message (default: all)

Authorization options:
        --user <user>                user that clients must name
        --pass <password>            and its password
        --auth <token>               token that clients must present

TLS options:
        --tls                        require TLS of clients
        --tlscert <file>             certificate of this server, PEM
        --tlskey <file>              its private key, PEM
        --tlsverify                  require certificates of clients
        --tlscacert <file>           authorities that may sign those (default: the system's)

Cluster options:
        --cluster, --cluster_listen <url>
                                     listen for other servers, e.g. nats://0.0.0.0:6222
        --cluster_name <name>        name of the cluster (default: made up)
        --routes <url,url,...>       servers to connect to
        --cluster_advertise <host[:port]>
                                     address that is told to other servers
        --no_advertise               do not tell clients of other servers
        --connect_retries <number>   attempts to reach a server learnt from another one

Common options:
    -h, --help                       this text
    -v, --version                    version
        --help_tls                   about TLS
)";

constexpr const char* kTls = R"(TLS is configured in the tls section of a configuration file:

    tls {
        cert_file:      "./certs/server-cert.pem"
        key_file:       "./certs/server-key.pem"
        ca_file:        "./certs/ca.pem"
        verify:         true     # clients must present a certificate
        verify_and_map: true     # and it says which user they are

        cipher_suites: [ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" ]
        curve_preferences: [ "X25519", "CurveP256" ]
    }

A cluster block has a tls section of its own. The files are read again at a reload.

Cipher suites (cipher_suites; insecure ones need allow_insecure_cipher_suites):
)";

}  // namespace

std::string usage(const std::string& program) {
  return fmt::format("Usage: {} [options]\n\n{} {}, a server for the NATS protocol (level {})\n{}",
                     program, kImplName, kVersion, kNatsVersion, kOptions);
}

std::string tls_usage() {
  std::string text = kTls;
  for (const tls::Suite& suite : tls::suites()) {
    if (tls::available(suite)) {
      text += fmt::format("    {}{}\n", suite.name, suite.insecure ? "  (insecure)" : "");
    }
  }
  text += "\nCurves (curve_preferences):\n";
  for (const tls::Curve& curve : tls::curves()) {
    if (!curve.openssl.empty()) text += fmt::format("    {}\n", curve.name);
  }
  return text;
}

}  // namespace natrix::main
