#include "admin.hpp"

#include <functional>

#include "admin_accounts.hpp"
#include "errors.hpp"
#include "google_event.hpp"
#include "json.hpp"

namespace meetlink::standin {

namespace {

/// A thing that the path names does not exist.
class NotFound : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

Answer answer(const Json::Value& body, int status = 200)
{
    return {status, to_text(body), json_type, {}};
}

Answer complain(int status, std::string_view message)
{
    Json::Value body;
    body["error"] = std::string{message};
    return answer(body, status);
}

Answer done()
{
    return {200, R"({"ok":true})", json_type, {}};
}

Account& account_at(Standin& standin, const std::vector<std::string>& path)
{
    const auto kind = parse_provider(path.at(2));
    auto* account = kind ? standin.store.find_account(*kind, path.at(3)) : nullptr;
    if (account == nullptr) throw NotFound{"no such account"};
    return *account;
}

ProviderKind provider_of(const Json::Value& body)
{
    const auto kind = parse_provider(text_of(body, "provider"));
    if (!kind) throw BadInput{"provider must be google or zoom"};
    return *kind;
}

struct Context {
    Standin& standin;
    const std::vector<std::string>& path;  ///< decoded segments, the first is "admin"
    std::string_view method;
    Parameters query;
    Json::Value body;

    [[nodiscard]] bool is(std::string_view wanted) const { return method == wanted; }
    [[nodiscard]] std::string parameter(std::string_view name) const
    {
        return std::string{query.get(name)};
    }
};

Answer accounts(Context& context)
{
    auto& [standin, path, method, query, body] = context;
    if (path.size() == 2 && context.is("POST")) return answer(create_accounts(standin, body), 201);
    if (path.size() == 2 && context.is("GET")) {
        Json::Value all{Json::arrayValue};
        for (const auto& account : standin.store.accounts()) all.append(describe_account(*account));
        return answer(all);
    }
    if (path.size() < 4) throw NotFound{"no such operation"};
    Account& account = account_at(standin, path);
    if (path.size() == 4 && context.is("GET")) return answer(describe_account(account));
    if (path.size() == 4 && context.is("PATCH")) {
        change_account(account, body);
        return answer(describe_account(account));
    }
    if (path.size() != 5 || !context.is("POST")) throw NotFound{"no such operation"};
    if (path[4] == "revoke") {
        standin.store.revoke(account);
    } else if (path[4] == "expire") {
        standin.store.expire_access(account);
    } else if (path[4] == "grant") {
        change_account(account, body);
        standin.store.grant(account, standin.clock.now(), text_of(body, "access_token"),
                            text_of(body, "refresh_token"));
    } else {
        throw NotFound{"no such operation"};
    }
    return answer(describe_account(account));
}

Answer clients(Context& context)
{
    const auto& body = context.body;
    const auto id = text_of(body, "client_id");
    if (id.empty()) throw BadInput{"client_id is missing"};
    context.standin.store.set_client(provider_of(body), id,
                                     {text_of(body, "client_secret"), body["deleted"] == true});
    return done();
}

Answer fault_names()
{
    Json::Value names;
    for (const auto effect : effect_names()) names["effects"].append(std::string{effect});
    for (const auto errors : {google_errors(), zoom_errors()}) {
        for (const auto& error : errors) names["errors"].append(std::string{error.name});
    }
    return answer(names);
}

Answer faults(Context& context)
{
    auto& [standin, path, method, query, body] = context;
    if (path.size() == 2) {
        if (context.is("POST")) {
            if (!body.isArray()) return answer(standin.faults.add(body).describe(), 201);
            Json::Value made{Json::arrayValue};
            for (const auto& rule : body) made.append(standin.faults.add(rule).describe());
            return answer(made, 201);
        }
        if (context.is("DELETE")) {
            standin.faults.clear();
            return done();
        }
        Json::Value all{Json::arrayValue};
        for (const auto& rule : standin.faults.rules()) all.append(rule->describe());
        return answer(all);
    }
    if (path[2] == "names") return fault_names();
    const auto id = static_cast<std::uint64_t>(parse_integer(path[2]).value_or(0));
    auto* rule = standin.faults.find(id);
    if (rule == nullptr) throw NotFound{"no such fault"};
    if (path.size() == 4 && path[3] == "release" && context.is("POST")) {
        rule->release();
        return answer(rule->describe());
    }
    if (context.is("DELETE")) {
        standin.faults.remove(id);
        return done();
    }
    return answer(rule->describe());
}

Answer delete_by_human(Context& context)
{
    auto& standin = context.standin;
    Account& account = account_at(standin, context.path);
    auto* meeting = account.find_meeting(context.path.at(4));
    if (meeting == nullptr) throw NotFound{"no such meeting"};
    meeting->deleted = true;
    meeting->deleted_by_human = true;
    if (account.provider == ProviderKind::google) {
        store_event(*meeting, parse_json(meeting->resource).value(), standin.clock.now());
    }
    return done();
}

Answer meetings(Context& context)
{
    if (context.is("POST")) return answer(add_human_meeting(context.standin, context.body), 201);
    if (context.is("DELETE") && context.path.size() == 5) return delete_by_human(context);
    if (context.is("DELETE")) {
        context.standin.store.clear_meetings();
        return done();
    }
    return answer(
        list_meetings(context.standin, {context.parameter("provider"), context.parameter("account"),
                                        context.parameter("session"), context.parameter("tag")}));
}

Answer requests(Context& context)
{
    if (context.is("DELETE")) {
        context.standin.journal.clear();
        return done();
    }
    JournalFilter filter;
    filter.provider = context.parameter("provider");
    filter.operation = context.parameter("operation");
    filter.account = context.parameter("account");
    filter.contains = context.parameter("contains");
    filter.status = static_cast<int>(parse_integer(context.query.get("status")).value_or(0));
    filter.after =
        static_cast<std::uint64_t>(parse_integer(context.query.get("after")).value_or(0));
    return answer(context.standin.journal.list(filter));
}

Answer settings(Context& context)
{
    auto& [standin, path, method, query, body] = context;
    if (body.isObject()) {
        for (const auto& key : body.getMemberNames()) {
            if (!body[key].isInt() || body[key].asInt() < 0) {
                throw BadInput{key + " must be a whole number that is not negative"};
            }
            if (key == "record_capacity") {
                standin.journal.set_capacity(static_cast<std::size_t>(body[key].asInt()));
            } else if (key == "page_token_life_s") {
                standin.settings.page_token_life = seconds{body[key].asInt()};
            } else {
                throw BadInput{"there is no setting \"" + key + "\""};
            }
        }
    }
    Json::Value value;
    value["record_capacity"] = static_cast<Json::UInt64>(standin.journal.capacity());
    value["page_token_life_s"] = Json::Int64{standin.settings.page_token_life.count()};
    return answer(value);
}

Answer clock(Context& context)
{
    const Json::Value& advance = context.body["advance_s"];
    if (context.is("POST")) {
        if (!advance.isInt()) throw BadInput{"advance_s must be a whole number"};
        context.standin.clock.advance(seconds{advance.asInt()});
    }
    Json::Value value;
    value["now"] = iso_time_ms(context.standin.clock.now());
    return answer(value);
}

Answer reset(Context& context)
{
    context.standin.reset();
    return done();
}

struct Route {
    std::string_view name;
    Answer (*handle)(Context&);
};

constexpr auto routes = std::to_array<Route>({
    {"accounts", accounts},
    {"clients", clients},
    {"faults", faults},
    {"meetings", meetings},
    {"requests", requests},
    {"counters", [](Context& context) { return answer(context.standin.journal.counters()); }},
    {"settings", settings},
    {"clock", clock},
    {"reset", reset},
    {"health", [](Context&) { return done(); }},
});

}  // namespace

Answer administrate(Standin& standin, const Request& request)
{
    const auto path = path_segments(request.path);
    auto body = request.body.empty() ? std::optional{Json::Value{}} : parse_json(request.body);
    if (!body) return complain(400, "the body is not JSON");
    Context context{standin, path, request.method, Parameters{request.query}, std::move(*body)};
    const auto route = path.size() < 2
                           ? routes.end()
                           : std::ranges::find(routes, std::string_view{path[1]}, &Route::name);
    if (route == routes.end()) return complain(404, "no such operation");
    try {
        return route->handle(context);
    } catch (const NotFound& error) {
        return complain(404, error.what());
    } catch (const BadInput& error) {
        return complain(400, error.what());
    } catch (const Json::Exception& error) {
        return complain(400, error.what());
    }
}

}  // namespace meetlink::standin
