// standin: Google Calendar and Zoom on this machine, for tests, benchmarks and the demo. See README.md.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "json.hpp"
#include "server.hpp"

namespace {

using meetlink::standin::Server;

struct Options {
    std::uint16_t http_port = 0;
    std::uint16_t https_port = 0;
    std::string ready_file;
    std::string ca_file;
    bool no_http2 = false;
    bool exit_with_parent = false;
};

/// Whoever sees the file sees all of it.
void write_atomically(const std::filesystem::path& path, const std::string& text)
{
    const auto unfinished = path.string() + ".new";
    std::ofstream file{unfinished, std::ios::trunc};
    file << text;
    file.close();
    if (!file) throw std::runtime_error{"could not write " + unfinished};
    std::filesystem::rename(unfinished, path);
}

void tie_to_parent()
{
    const auto parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) std::exit(EXIT_SUCCESS);  // it died in between
}

void allow_many_connections()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void announce(const Server& server, const Options& options)
{
    if (!options.ca_file.empty()) {
        write_atomically(options.ca_file, server.certificate().authority_pem());
    }
    Json::Value ready;
    ready["http"] = server.http_port();
    ready["https"] = server.https_port();
    ready["pid"] = getpid();
    ready["ca_file"] = options.ca_file;
    const auto line = meetlink::standin::to_text(ready) + '\n';
    if (!options.ready_file.empty()) write_atomically(options.ready_file, line);
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app{"Google Calendar and Zoom on loopback, for tests"};
    app.add_option("--http-port", options.http_port, "port of the plain listener, 0: a free one");
    app.add_option("--https-port", options.https_port, "port of the TLS listener, 0: a free one");
    app.add_option("--ready-file", options.ready_file,
                   "written when listening: ports and pid as JSON");
    app.add_option("--ca-file", options.ca_file, "where to write the CA certificate, PEM");
    app.add_flag("--no-http2", options.no_http2, "speak HTTP/1.1 only");
    app.add_flag("--exit-with-parent", options.exit_with_parent,
                 "end when the parent process ends");
    CLI11_PARSE(app, argc, argv);

    try {
        if (options.exit_with_parent) tie_to_parent();
        std::signal(SIGPIPE, SIG_IGN);
        allow_many_connections();
        boost::asio::io_context io{1};
        Server server{io, options.http_port, options.https_port, !options.no_http2};
        boost::asio::signal_set signals{io, SIGINT, SIGTERM};
        signals.async_wait([&io](auto, auto) { io.stop(); });
        announce(server, options);
        io.run();
    } catch (const boost::system::system_error& error) {
        std::fprintf(stderr, "standin: could not listen on port %u or %u: %s\n",
                     unsigned{options.http_port}, unsigned{options.https_port},
                     error.code().message().c_str());
        return EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "standin: %s\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
