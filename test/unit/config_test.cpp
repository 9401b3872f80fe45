// Putting the configuration together: sources and their order, files with secrets, every kind of wrong
// value with its place and hint, and all of them in one run.

#include "config/load.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/check.hpp"
#include "config/command_line.hpp"
#include "config/report.hpp"

namespace meetlink::config {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ConfigTest : public testing::Test {
protected:
    void SetUp() override
    {
        folder_ = fs::path(testing::TempDir()) / ("config_test." + std::to_string(::getpid()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    fs::path write(const std::string& name, const std::string& text, mode_t mode = 0600) const
    {
        fs::path path = folder_ / name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }

    /// Loads `toml`, with an encryption key in the environment so that nothing is missing.
    std::variant<Loaded, Errors> load_text(const std::string& toml,
                                           Environment environment = {}) const
    {
        environment.emplace("TOKEN_ENCRYPTION_KEY", "key of the application");
        return load(write("meetlinkd.toml", toml), environment);
    }

    Loaded good(const std::string& toml, Environment environment = {}) const
    {
        auto result = load_text(toml, std::move(environment));
        if (const auto* errors = std::get_if<Errors>(&result)) {
            ADD_FAILURE() << render("error", errors->errors);
            return {};
        }
        return std::get<Loaded>(std::move(result));
    }

    std::string errors(const std::string& toml, Environment environment = {}) const
    {
        auto result = load_text(toml, std::move(environment));
        if (const auto* found = std::get_if<Errors>(&result)) {
            return render("error", found->errors);
        }
        return "(valid)";
    }

    fs::path folder_;
};

/// `text` contains `part`.
testing::AssertionResult says(const std::string& text, std::string_view part)
{
    if (text.find(part) != std::string::npos) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "\"" << part << "\" is not in:\n" << text;
}

std::size_t count_of(const std::string& text, std::string_view part)
{
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

TEST_F(ConfigTest, DefaultsAreThoseOfTheDesign)
{
    const Config config = defaults();
    EXPECT_EQ(config.database.conninfo, "");
    EXPECT_FALSE(config.sidecar.name.empty());
    EXPECT_EQ(config.sidecar.max_in_flight, 256);
    EXPECT_EQ(config.sidecar.lease, 30s);
    EXPECT_EQ(config.sidecar.poll_interval, 5s);
    EXPECT_EQ(config.sidecar.http_timeout, 15s);
    EXPECT_EQ(config.http.listen, "127.0.0.1:8787");
    EXPECT_EQ(config.tokens.cipher, Cipher::aes_256_cbc);
    EXPECT_EQ(config.google.token_url, "https://oauth2.googleapis.com/token");
    EXPECT_EQ(config.google.api_base, "https://www.googleapis.com/calendar/v3");
    EXPECT_EQ(config.google.link_hosts, std::vector<std::string>{"meet.google.com"});
    EXPECT_EQ(config.zoom.token_url, "https://zoom.us/oauth/token");
    EXPECT_EQ(config.zoom.api_base, "https://api.zoom.us/v2");
    EXPECT_EQ(config.log.level, LogLevel::info);
    EXPECT_EQ(config.log.format, LogFormat::json);
}

TEST_F(ConfigTest, NoFileIsNeeded)
{
    const auto result = load(std::nullopt, {{"TOKEN_ENCRYPTION_KEY", "k"}});
    ASSERT_TRUE(std::holds_alternative<Loaded>(result));
    EXPECT_EQ(std::get<Loaded>(result).config.tokens.encryption_key.reveal(), "k");
}

TEST_F(ConfigTest, TheEnvironmentReplacesTheFile)
{
    const Loaded loaded = good(
        "[sidecar]\nlease = \"1m\"\nmax_in_flight = 7\n[zoom]\nmax_per_second = 1.5\n"
        "[google]\napi_base = \"http://127.0.0.1:9/cal/\"\n",
        {{"MEETLINK_SIDECAR_LEASE", "2m"},
         {"MEETLINK_ZOOM_LINK_HOSTS", "a.example.com, .b.example.com"},
         {"MEETLINK_TOKENS_PREVIOUS_KEYS", "one,two"},
         {"MEETLINK_HTTP_LISTEN", ""},
         {"MEETLINK_LOG_FORMAT", "text"}});
    const Config& config = loaded.config;
    EXPECT_EQ(config.sidecar.lease, 2min);
    EXPECT_EQ(config.sidecar.max_in_flight, 7);
    EXPECT_EQ(config.zoom.max_per_second, 1.5);
    EXPECT_EQ(config.google.api_base, "http://127.0.0.1:9/cal");
    EXPECT_EQ(config.zoom.link_hosts,
              (std::vector<std::string>{"a.example.com", ".b.example.com"}));
    ASSERT_EQ(config.tokens.previous_keys.size(), 2U);
    EXPECT_EQ(config.tokens.previous_keys[1].reveal(), "two");
    EXPECT_EQ(config.http.listen, "");
    EXPECT_EQ(config.log.format, LogFormat::text);

    const std::string shown = effective_values(loaded);
    EXPECT_TRUE(says(shown, "\"2m\"  # MEETLINK_SIDECAR_LEASE"));
    EXPECT_TRUE(says(shown, "= 7  # " + (folder_ / "meetlinkd.toml:3").string()));
    EXPECT_TRUE(says(shown, "\"5s\"  # default"));
}

TEST_F(ConfigTest, EveryKeyHasItsVariable)
{
    for (const Setting& setting : settings()) {
        // a list of one control character is wrong for every kind of key, so each must complain
        const std::string wrong = "\x01";
        const std::string found = errors("", {{setting.environment_name(), wrong}});
        EXPECT_TRUE(says(found, setting.environment_name()));
    }
}

TEST_F(ConfigTest, SecretsComeFromFiles)
{
    const auto key = write("key", "from a file\n");
    const auto keys = write("keys", "old\n\nolder\r\n");
    const auto conninfo = write("conninfo", "host=db password=pw\n");
    const Loaded loaded = good("[tokens]\nencryption_key_file = \"" + key.string() +
                                   "\"\nprevious_keys_file = \"" + keys.string() + "\"\n",
                               {{"MEETLINK_DATABASE_CONNINFO_FILE", conninfo.string()}});
    EXPECT_EQ(loaded.config.tokens.encryption_key.reveal(), "from a file");
    ASSERT_EQ(loaded.config.tokens.previous_keys.size(), 2U);
    EXPECT_EQ(loaded.config.tokens.previous_keys[1].reveal(), "older");
    EXPECT_EQ(loaded.config.database.conninfo, "host=db password=pw");
    EXPECT_EQ(loaded.config.http.conninfo, "host=db password=pw");
    EXPECT_EQ(count_of(render("warning", loaded.warnings), "every user can read"), 0U);
}

TEST_F(ConfigTest, AVariableReplacesTheFilesSecretWhicheverWayItIsGiven)
{
    const Loaded loaded = good("[tokens]\nencryption_key_file = \"/nonexistent\"\n",
                               {{"MEETLINK_TOKENS_ENCRYPTION_KEY", "direct"}});
    EXPECT_EQ(loaded.config.tokens.encryption_key.reveal(), "direct");
}

TEST_F(ConfigTest, SecretFilesThatEverybodyCanReadAreAWarning)
{
    const auto key = write("key", "k", 0644);
    const Loaded loaded = good("[tokens]\nencryption_key_file = \"" + key.string() + "\"\n");
    EXPECT_TRUE(
        says(render("warning", loaded.warnings), key.string() + "\", which every user can read"));

    const auto file = write("open.toml", "[tokens]\nencryption_key = \"k\"\n", 0644);
    const auto result = load(file, {});
    ASSERT_TRUE(std::holds_alternative<Loaded>(result));
    EXPECT_TRUE(says(render("warning", std::get<Loaded>(result).warnings),
                     "configuration file holds secrets and every user can read it"));
}

TEST_F(ConfigTest, SecretFilesThatCannotBeUsedAreErrors)
{
    EXPECT_TRUE(
        says(errors("[tokens]\nencryption_key_file = \"/nonexistent/key\"\n"),
             ".toml:2: tokens.encryption_key_file names the file \"/nonexistent/key\", which "
             "cannot be read: no such file or directory"));
    EXPECT_TRUE(says(errors("", {{"MEETLINK_GOOGLE_CLIENT_SECRET_FILE", folder_.string()}}),
                     "is a directory"));
    const auto empty = write("empty", "\n");
    EXPECT_TRUE(says(errors("", {{"MEETLINK_TOKENS_ENCRYPTION_KEY_FILE", empty.string()}}),
                     "MEETLINK_TOKENS_ENCRYPTION_KEY_FILE is empty"));
    const auto huge = write("huge", std::string(70'000, 'x'));
    EXPECT_TRUE(says(errors("", {{"MEETLINK_TOKENS_ENCRYPTION_KEY_FILE", huge.string()}}),
                     "is longer than 65536 bytes"));
    EXPECT_TRUE(says(errors("[tokens]\nencryption_key = \"a\"\nencryption_key_file = \"/x\"\n"),
                     "both tokens.encryption_key and tokens.encryption_key_file are given"));
    EXPECT_TRUE(says(errors("", {{"MEETLINK_ZOOM_CLIENT_SECRET", "a"},
                                 {"MEETLINK_ZOOM_CLIENT_SECRET_FILE", "/x"}}),
                     "both MEETLINK_ZOOM_CLIENT_SECRET and MEETLINK_ZOOM_CLIENT_SECRET_FILE"));
}

struct Wrong {
    std::string toml;
    std::string message;
    std::string hint;
};

class WrongConfig : public ConfigTest, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongConfig, IsRefusedWithPlaceAndHint)
{
    const std::string found = errors(GetParam().toml);
    EXPECT_TRUE(says(found, "meetlinkd.toml:"));
    EXPECT_TRUE(says(found, GetParam().message));
    EXPECT_TRUE(says(found, GetParam().hint));
    EXPECT_EQ(count_of(found, "error: "), 1U) << found;
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongConfig,
    testing::Values(
        Wrong{"[sidecar]\nleese = \"3s\"\n", ":2: unknown key sidecar.leese",
              "did you mean sidecar.lease?"},
        Wrong{"[sidecra]\n", "unknown section sidecra", "did you mean sidecar?"},
        Wrong{"[xyzzy_plugh_none]\n", "unknown section", "--print-config-reference"},
        Wrong{"lease = \"3s\"\n", "unknown key lease", "belongs to a section"},
        Wrong{"sidecar = 1\n", "sidecar is a section, not a key", "[sidecar]"},
        Wrong{"[log]\nlevel_file = \"x\"\n", "unknown key log.level_file", "log.level"},
        Wrong{"[sidecar]\n\nlease = 30\n", ":3: sidecar.lease is an integer", "such as \"30s\""},
        Wrong{"[sidecar]\nlease = \"30\"\n", "\"30\", which is not a duration", "\"250ms\""},
        Wrong{"[sidecar]\nlease = \"-30s\"\n", "which is not a duration", "with a unit"},
        Wrong{"[sidecar]\nlease = \"2h\"\n", "which is out of range", "1s to 1h"},
        Wrong{"[sidecar]\npoll_interval = \"0s\"\n", "which is out of range", "50ms to 10m"},
        Wrong{"[sidecar]\nmax_in_flight = 0\n", "is 0, which is out of range", "1 to 10000"},
        Wrong{"[sidecar]\nmax_in_flight = 10001\n", "out of range", "1 to 10000"},
        Wrong{"[sidecar]\nmax_in_flight = 99999999999\n", "out of range", "1 to 10000"},
        Wrong{"[sidecar]\nmax_in_flight = 1.5\n", "is a number", "integer"},
        Wrong{"[sidecar]\nmax_in_flight = \"5\"\n", "is a string", "integer"},
        Wrong{"[sidecar]\nmax_in_flight = true\n", "is something else", "integer"},
        Wrong{"[zoom]\nmax_per_second = 0\n", "out of range", "0.01 to 100000"},
        Wrong{"[zoom]\nmax_per_second = nan\n", "out of range", "number"},
        Wrong{"[http]\nembed_origins = [\"https://app.example.org/\"]\n", "is not an origin",
              "https://app.example.org"},
        Wrong{"[http]\nembed_origins = [\"*\"]\n", "is not an origin", "https://app.example.org"},
        Wrong{"[http]\nembed_origins = [\"https://app.example.org:443\"]\n", "is not an origin",
              "port"},
        Wrong{"[zoom]\nlink_hosts = \"zoom.us\"\n", "is a string", "[\"a\", \"b\"]"},
        Wrong{"[zoom]\nlink_hosts = []\n", "is an empty list", "default"},
        Wrong{"[zoom]\nlink_hosts = [\".us\"]\n", "\".us\", which is not a host name", "subdomain"},
        Wrong{"[zoom]\nlink_hosts = [\"https://zoom.us\"]\n", "not a host name", "meet.google.com"},
        Wrong{"[zoom]\nlink_hosts = [\"zoom.us\", 3]\n", "is something else", "list"},
        Wrong{"[google]\ntoken_url = \"\"\n", "google.token_url is not usable", ""},
        Wrong{"[google]\ntoken_url = \"ftp://x.example\"\n", "scheme must be https", ""},
        Wrong{"[google]\ntoken_url = \"http://x.example/t\"\n", "loopback hosts only", ""},
        Wrong{"[google]\ntoken_url = \"https://x.example/t?a=b\"\n", "query", ""},
        Wrong{"[http]\nlisten = \"8787\"\n", "not an address and a port", "127.0.0.1:8787"},
        Wrong{"[http]\nlisten = \"127.0.0.1:70000\"\n", "not an address and a port", "turn it off"},
        Wrong{"[http]\nlisten = \"::1:80\"\n", "not an address and a port", "[::1]:8787"},
        Wrong{"[http]\nlisten = \"example.com:80\"\n", "not an address and a port", ""},
        Wrong{"[http]\nlisten = \"0.0.0.0:80\"\n", "no JWT key is configured", "127.0.0.1"},
        Wrong{"[log]\nlevel = \"loud\"\n", "\"loud\", which it does not know", "trace, debug"},
        Wrong{"[log]\nlevel = \"INFO\"\n", "which it does not know", "info"},
        Wrong{"[tls]\nca_file = \"/nonexistent.pem\"\n", "no such file or directory", ""},
        Wrong{"[tokens]\nencryption_key = 5\n", "tokens.encryption_key is an integer", "secret"},
        Wrong{"[tokens]\nencryption_key = \"\"\n", "tokens.encryption_key is empty",
              "leave it out"},
        Wrong{"[google]\nclient_id = \"x\"\n", "given without google.client_secret",
              "client_secret_file"},
        Wrong{"[zoom]\nclient_secret = \"x\"\n", "given without zoom.client_id", "zoom.client_id"},
        Wrong{"[sidecar]\nlease = \"20s\"\n", "too short for sidecar.http_timeout \"15s\"",
              "at least \"22500ms\""},
        Wrong{"[log]\nlevel = \"info\"\nlevel = \"info\"\n", "not valid TOML", ""},
        Wrong{"[log\n", "not valid TOML", ""}));

TEST_F(ConfigTest, EveryProblemIsReportedAtOnce)
{
    const std::string found = errors(
        "[sidecar]\nlease = 1\nname = \"a\\nb\"\n[log]\nlevel = \"x\"\nbogus = 1\n"
        "[google]\nclient_id = \"x\"\n",
        {{"MEETLINK_ZOOM_API_BASE", "nowhere"}});
    EXPECT_EQ(count_of(found, "error: "), 6U) << found;
}

TEST_F(ConfigTest, AMissingKeyIsAnErrorAndAMissingProviderAWarning)
{
    const auto result = load(std::nullopt, {});
    ASSERT_TRUE(std::holds_alternative<Errors>(result));
    const Errors& found = std::get<Errors>(result);
    ASSERT_EQ(found.errors.size(), 1U);
    EXPECT_TRUE(says(found.errors[0].message, "tokens.encryption_key is missing"));
    EXPECT_TRUE(says(found.errors[0].hint, "TOKEN_ENCRYPTION_KEY"));
    const std::string warnings = render("warning", found.warnings);
    EXPECT_TRUE(says(warnings, "google.client_id is not set"));
    EXPECT_TRUE(says(warnings, "zoom.client_id is not set"));
    EXPECT_TRUE(says(warnings, "provider_not_configured"));
}

TEST_F(ConfigTest, WithoutAuthoritiesNoProviderCouldBeReachedOverTls)
{
    const auto found = [](const Config& config) {
        const Place nowhere = [](const Setting&) { return std::optional<std::string>(""); };
        return check(config, nowhere, "/nonexistent.crt").errors;
    };
    const std::string zoom = "[zoom]\nclient_id = \"x\"\nclient_secret = \"y\"\n";
    const auto errors = found(good(zoom).config);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_TRUE(says(errors[0].message, "\"/nonexistent.crt\", the system's store"));
    EXPECT_TRUE(says(errors[0].message, "no such file or directory"));
    EXPECT_TRUE(says(errors[0].hint, "ca-certificates, or set tls.ca_file"));

    EXPECT_TRUE(found(good(zoom + "api_base = \"http://localhost:1\"\n"
                                  "token_url = \"http://localhost:1\"\n")
                          .config)
                    .empty())
        << "not needed without TLS";
    const auto own = write("own.pem", "");
    EXPECT_TRUE(found(good(zoom + "[tls]\nca_file = \"" + own.string() + "\"\n").config).empty())
        << "nor with a file of one's own";
    EXPECT_TRUE(found(good("").config).empty()) << "nor while no provider is configured";
}

TEST_F(ConfigTest, AFileThatCannotBeReadIsAnError)
{
    const auto result = load(folder_ / "absent.toml", {{"TOKEN_ENCRYPTION_KEY", "k"}});
    ASSERT_TRUE(std::holds_alternative<Errors>(result));
    EXPECT_TRUE(says(render("error", std::get<Errors>(result).errors),
                     "configuration file cannot be read: no such file or directory"));
}

TEST_F(ConfigTest, UnknownVariablesAreWarnings)
{
    const Loaded loaded =
        good("", {{"MEETLINK_SIDECAR_LEESE", "5s"}, {"MEETLINK_SERVICE_HOST", "10.0.0.1"}});
    const std::string warnings = render("warning", loaded.warnings);
    EXPECT_TRUE(says(warnings, "unknown variable MEETLINK_SIDECAR_LEESE is ignored"));
    EXPECT_TRUE(says(warnings, "did you mean MEETLINK_SIDECAR_LEASE?"));
    EXPECT_TRUE(says(warnings, "MEETLINK_SERVICE_HOST"));
}

TEST_F(ConfigTest, SecretsAreNeverShown)
{
    const std::string canary = "canary-secret";
    // accepted values
    const Loaded loaded = good(
        "[database]\nconninfo = \"host=db password=canary-secret\"\n"
        "[http]\njwt_secret = \"canary-secret\"\nconninfo = \"postgres://u:canary-secret@db/x\"\n"
        "[tokens]\nencryption_key = \"canary-secret\"\nprevious_keys = [\"canary-secret\"]\n"
        "[google]\nclient_id = \"id\"\nclient_secret = \"canary-secret\"\n"
        "[zoom]\nclient_id = \"id\"\nclient_secret = \"canary-secret\"\n");
    const std::string shown = effective_values(loaded) + render("warning", loaded.warnings);
    EXPECT_EQ(count_of(shown, canary), 0U) << shown;
    EXPECT_TRUE(says(shown, "(set)"));
    // and refused ones
    for (const char* toml : {"[tokens]\nencryption_key = \"canary-secret\\n\"\n",
                             "[tokens]\nencryption_key = [\"canary-secret\"]\n",
                             "[tokens]\nprevious_keys = \"canary-secret\"\n",
                             "[google]\nclient_secret = \"canary-secret\"\n",
                             "[google]\ntoken_url = \"https://u:canary-secret@example.com/\"\n",
                             "[database]\nconninfo = \"password=canary-secret\\n\"\n",
                             "[tokens]\nencryption_key = \"canary-secret\n",
                             "[tokens]\nencryption_key = canary-secret\n"}) {
        const std::string found = errors(toml);
        EXPECT_NE(found, "(valid)") << toml;
        EXPECT_EQ(count_of(found, canary), 0U) << found;
    }
}

TEST_F(ConfigTest, HttpKeys)
{
    const std::string long_key(32, 'k');
    EXPECT_EQ(good("[http]\nlisten = \"0.0.0.0:80\"\njwt_secret = \"" + long_key + "\"\n")
                  .config.http.listen,
              "0.0.0.0:80");
    EXPECT_TRUE(
        says(render("warning", good("[http]\njwt_secret = \"short\"\n").warnings), "has 5 bytes"));
    const auto pem = write("key.pem", "-----BEGIN PUBLIC KEY-----\n");
    EXPECT_TRUE(says(errors("[http]\njwt_secret = \"" + long_key + "\"\njwt_public_key_file = \"" +
                            pem.string() + "\"\n"),
                     "both http.jwt_secret and http.jwt_public_key_file are given"));
    EXPECT_TRUE(says(render("warning", good("[http]\njwt_audience = \"a\"\n").warnings),
                     "no effect without a JWT key"));
}

TEST(ConfigListen, ReadsAddressesAndPorts)
{
    const auto v6 = parse_listen("[::1]:0");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->port, 0);
    EXPECT_TRUE(v6->loopback);
    const auto name = parse_listen("localhost:80");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->host, "127.0.0.1");
    const auto any = parse_listen("0.0.0.0:65535");
    ASSERT_TRUE(any);
    EXPECT_FALSE(any->loopback);
    for (const char* text : {"", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:x",
                             "127.0.0.1:65536", "[127.0.0.1]:80", "[::1]", "[]:80", "1.2.3:80"}) {
        EXPECT_FALSE(parse_listen(text)) << text;
    }
}

std::variant<Command, Exit> command(std::vector<const char*> arguments)
{
    arguments.insert(arguments.begin(), "meetlinkd");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), "1.2.3");
}

TEST(CommandLine, IsRead)
{
    const auto result = command({"--config", "a.toml", "--check", "--once"});
    ASSERT_TRUE(std::holds_alternative<Command>(result));
    const auto& read = std::get<Command>(result);
    EXPECT_EQ(read.config_file, "a.toml");
    EXPECT_TRUE(read.check && read.once);
    EXPECT_FALSE(std::get<Command>(command({})).config_file);
}

TEST(CommandLine, AnswersOrRefusesByItself)
{
    EXPECT_EQ(std::get<Exit>(command({"--version"})).out, "meetlinkd 1.2.3\n");
    EXPECT_EQ(std::get<Exit>(command({"--print-config-reference"})).out, reference());
    EXPECT_TRUE(says(std::get<Exit>(command({"--help"})).out, "--config FILE"));
    for (const char* wrong : {"--bogus", "stray", "--config"}) {
        const auto result = command({wrong});
        ASSERT_TRUE(std::holds_alternative<Exit>(result)) << wrong;
        EXPECT_EQ(std::get<Exit>(result).status, 2) << wrong;
        EXPECT_TRUE(says(std::get<Exit>(result).err, "meetlinkd: "));
    }
}

}  // namespace
}  // namespace meetlink::config
