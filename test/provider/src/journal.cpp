#include "journal.hpp"

#include <algorithm>

#include "json.hpp"

namespace meetlink::standin {

namespace {

/// Longest request body that is kept.
constexpr std::size_t body_limit = 4096;

bool is_token_call(const Call& call)
{
    return call.operation == Operation::token || call.operation == Operation::revoke;
}

}  // namespace

Journal::Count& Journal::count(const Call& call)
{
    return counts_.at(static_cast<std::size_t>(call.provider))
        .at(static_cast<std::size_t>(call.operation));
}

std::uint64_t Journal::start(const Call& call, const Request& request, Time now)
{
    Count& counter = count(call);
    ++counter.requests;
    counter.max_in_flight = std::max(counter.max_in_flight, ++counter.in_flight);
    const auto number = next_++;
    if (capacity_ == 0) return number;

    Entry entry{};
    entry.number = number;
    entry.started = now;
    entry.call = call;
    entry.method = request.method;
    entry.path = request.path;
    entry.connection = request.connection;
    entry.tls = request.tls;
    entry.http2 = request.http2;
    entry.access = fingerprint(bearer_token(request.authorization));
    if (is_token_call(call)) {
        const Parameters form{request.body};
        entry.refresh = fingerprint(form.get("refresh_token"));
        entry.grant_type = form.get("grant_type");
        entry.client_id = form.get("client_id");
        if (const auto basic = basic_credentials(request.authorization)) {
            entry.client_id = basic->first;
        }
    } else {
        entry.query = request.query;
        entry.body = request.body.substr(0, body_limit);
    }
    if (entries_.size() >= capacity_) entries_.pop_front();
    entries_.push_back(std::move(entry));
    return number;
}

void Journal::finish(std::uint64_t number, const Call& call, int status, std::string_view outcome,
                     std::string_view fault, std::string_view answer_body, Time now)
{
    Count& counter = count(call);
    // After a clear() the requests of before still finish.
    counter.in_flight = std::max<std::int64_t>(0, counter.in_flight - 1);
    if (status == 0) {
        ++counter.unanswered;
    } else {
        ++counter.statuses[status];
    }
    if (entries_.empty() || number < entries_.front().number) return;
    Entry& entry = entries_.at(number - entries_.front().number);
    entry.finished = now;
    entry.status = status;
    entry.outcome = outcome;
    entry.fault = fault;
    if (call.operation == Operation::token) {
        const auto body = parse_json(answer_body).value_or(Json::Value{});
        entry.issued_access = fingerprint(text_of(body, "access_token"));
        entry.issued_refresh = fingerprint(text_of(body, "refresh_token"));
    }
}

Json::Value Journal::describe(const Entry& entry)
{
    Json::Value value;
    value["number"] = Json::UInt64{entry.number};
    value["at"] = iso_time_ms(entry.started);
    value["provider"] = std::string{name(entry.call.provider)};
    value["operation"] = std::string{name(entry.call.operation)};
    value["account"] = entry.call.account;
    value["method"] = entry.method;
    value["path"] = entry.path;
    value["query"] = entry.query;
    value["body"] = entry.body;
    value["status"] = entry.status;
    value["outcome"] = entry.outcome;
    value["fault"] = entry.fault;
    value["connection"] = Json::UInt64{entry.connection};
    value["tls"] = entry.tls;
    value["http"] = entry.http2 ? "2" : "1.1";
    value["access_token_hash"] = entry.access;
    if (entry.outcome != "open") {
        value["duration_us"] = Json::Int64{(entry.finished - entry.started).count()};
    }
    if (is_token_call(entry.call)) {
        value["grant_type"] = entry.grant_type;
        value["client_id"] = entry.client_id;
        value["refresh_token_hash"] = entry.refresh;
        value["issued_access_token_hash"] = entry.issued_access;
        value["issued_refresh_token_hash"] = entry.issued_refresh;
    }
    return value;
}

Json::Value Journal::list(const JournalFilter& filter) const
{
    const auto wanted = [&](const Entry& entry) {
        const auto contains = [&](const std::string& text) {
            return text.find(filter.contains) != std::string::npos;
        };
        return entry.number > filter.after &&
               (filter.provider.empty() || filter.provider == name(entry.call.provider)) &&
               (filter.operation.empty() || filter.operation == name(entry.call.operation)) &&
               (filter.account.empty() || filter.account == entry.call.account) &&
               (filter.status == 0 || filter.status == entry.status) &&
               (filter.contains.empty() || contains(entry.path) || contains(entry.query) ||
                contains(entry.body));
    };
    Json::Value requests{Json::arrayValue};
    for (const Entry& entry : entries_) {
        if (wanted(entry)) requests.append(describe(entry));
    }
    Json::Value value;
    value["count"] = requests.size();
    value["first_kept"] = Json::UInt64{entries_.empty() ? next_ : entries_.front().number};
    value["last"] = Json::UInt64{next_ - 1};
    value["requests"] = std::move(requests);
    return value;
}

Json::Value Journal::counters() const
{
    Json::Value value;
    value["connections"] = Json::UInt64{connections_};
    for (std::size_t p = 0; p < provider_names.size(); ++p) {
        Json::Value provider{Json::objectValue};
        for (std::size_t o = 0; o < operation_names.size(); ++o) {
            const Count& counter = counts_.at(p).at(o);
            Json::Value operation;
            operation["requests"] = Json::UInt64{counter.requests};
            operation["in_flight"] = Json::Int64{counter.in_flight};
            operation["max_in_flight"] = Json::Int64{counter.max_in_flight};
            operation["unanswered"] = Json::UInt64{counter.unanswered};
            operation["statuses"] = Json::Value{Json::objectValue};
            for (const auto& [status, times] : counter.statuses) {
                operation["statuses"][std::to_string(status)] = Json::UInt64{times};
            }
            provider[std::string{operation_names.at(o)}] = std::move(operation);
        }
        value[std::string{provider_names.at(p)}] = std::move(provider);
    }
    return value;
}

void Journal::set_capacity(std::size_t capacity)
{
    capacity_ = capacity;
    while (entries_.size() > capacity_) entries_.pop_front();
    // Numbers in the log are consecutive, and nothing was recorded while it was off.
    if (capacity_ == 0) entries_.clear();
}

void Journal::clear()
{
    entries_.clear();
    counts_ = {};
    connections_ = 0;
}

}  // namespace meetlink::standin
