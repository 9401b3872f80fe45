#include "web/pages.hpp"

#include <algorithm>
#include <array>

#include "web/asset.hpp"

namespace meetlink::web {

namespace {

constexpr std::string_view assets_folder = "/assets/";

struct ContentType {
    std::string_view suffix;
    std::string_view type;
};
constexpr std::array<ContentType, 5> content_types{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
}};

std::string_view content_type(std::string_view name)
{
    for (const auto& one : content_types) {
        if (name.ends_with(one.suffix)) {
            return one.type;
        }
    }
    return "application/octet-stream";
}

/// The file behind a path; empty when the path cannot have one. A session's page reads its id from the path.
std::string_view file_name(std::string_view path)
{
    constexpr std::string_view session = "/sessions/";
    if (path == "/sessions") {
        return "sessions.html";
    }
    if (path.starts_with(session)) {
        const auto id = path.substr(session.size());
        return id.empty() || id.find('/') != std::string_view::npos ? "" : "sessions.html";
    }
    if (path == "/console") {
        return "console.html";
    }
    if (path.starts_with(assets_folder) && !path.ends_with(".html")) {
        return path.substr(assets_folder.size());
    }
    return "";
}

std::string policy(const std::vector<std::string>& embed_origins)
{
    std::string text =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
        "'self'; base-uri 'none'; form-action 'none'; frame-ancestors";
    for (const auto& origin : embed_origins) {
        text += " " + origin;
    }
    return embed_origins.empty() ? text + " 'none'" : text;
}

}  // namespace

std::optional<Answer> find_page(std::string_view path, std::string_view if_none_match,
                                const std::vector<std::string>& embed_origins)
{
    const auto name = file_name(path);
    const auto all = assets();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Asset& one) { return one.name == name; });
    if (found == all.end()) {
        return std::nullopt;
    }
    Answer answer{.content_type = std::string{content_type(name)}};
    answer.headers = {{"Cache-Control", "no-cache"},
                      {"ETag", std::string{found->etag}},
                      {"Referrer-Policy", "no-referrer"},
                      {"Content-Security-Policy", policy(embed_origins)}};
    if (embed_origins.empty()) {
        answer.headers.emplace_back("X-Frame-Options", "DENY");
    }
    if (if_none_match == "*" || if_none_match.find(found->etag) != std::string_view::npos) {
        answer.status = 304;
    } else {
        answer.body = std::string{found->content};
    }
    return answer;
}

}  // namespace meetlink::web
