#include "config/command_line.hpp"

#include <CLI/CLI.hpp>

#include "config/report.hpp"

namespace meetlink::config {

std::variant<Command, Exit> parse_command_line(int argc, const char* const* argv,
                                               std::string_view version)
{
    CLI::App app("Gives every booked session its video-meeting link.", "meetlinkd");
    Command command;
    std::string file;
    bool print_version = false;
    bool print_reference = false;
    auto* config = app.add_option("--config", file, "configuration file (TOML)")->type_name("FILE");
    app.add_flag("--check", command.check,
                 "check the configuration, print it without secrets, exit");
    app.add_flag("--once", command.once, "work off what is due, exit");
    app.add_flag("--reencrypt", command.reencrypt,
                 "encrypt stored tokens with the current key and tokens.cipher, exit");
    app.add_flag("--version", print_version, "print the version, exit");
    app.add_flag("--print-config-reference", print_reference,
                 "print every configuration key as a Markdown table, exit");
    app.footer(
        "Every key can also be set in the environment: sidecar.lease is MEETLINK_SIDECAR_LEASE.\n"
        "Exit status: 0 after a stop, 2 for a wrong command line or configuration.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return Exit{0, app.help(), ""};
    } catch (const CLI::ParseError& error) {
        return Exit{exit_usage, "",
                    std::string("meetlinkd: ") + error.what() + "\n  hint: see meetlinkd --help\n"};
    }
    if (print_version) {
        return Exit{0, "meetlinkd " + std::string(version) + '\n', ""};
    }
    if (print_reference) {
        return Exit{0, reference(), ""};
    }
    if (config->count() > 0) {
        command.config_file = file;
    }
    return command;
}

}  // namespace meetlink::config
