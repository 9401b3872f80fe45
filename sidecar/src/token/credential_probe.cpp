#include "token/credential_probe.hpp"

#include <utility>

namespace meetlink::token {

namespace asio = boost::asio;

namespace {

/// The token endpoint looks at a refresh token only after it has accepted the application.
bool accepts_the_application(const std::optional<Failure>& failure)
{
    if (!failure) {
        return true;
    }
    switch (failure->reason) {
        case Reason::grant_revoked:
        case Reason::grant_response_lost:
        case Reason::reauth_policy:
            return true;
        default:
            return false;
    }
}

}  // namespace

asio::awaitable<CredentialProbe::Turn> CredentialProbe::enter(std::string provider)
{
    auto& found = providers_[std::move(provider)];
    if (!found) {
        found = std::make_unique<Provider>(executor_);
    }
    Provider& state = *found;
    if (!state.proven && state.asking) {
        const auto until = Condition::Clock::now() + patience_;
        const int before = state.answers;
        bool in_time = true;
        while (in_time && state.asking && state.answers == before) {
            in_time = co_await state.answered.wait_until(until);
        }
    }
    if (state.refused && Condition::Clock::now() - state.answered_at < patience_) {
        co_return Turn{nullptr, state.refused};
    }
    state.asking = true;
    co_return Turn{&state, std::nullopt};
}

void CredentialProbe::Turn::answered(const std::optional<Failure>& failure)
{
    if (provider_ == nullptr) {
        return;
    }
    told_ = true;
    const bool refused = failure && failure->reason == Reason::client_rejected;
    if (refused || accepts_the_application(failure)) {
        provider_->proven = !refused;
    }
    provider_->refused = refused ? failure : std::nullopt;
    provider_->answered_at = Condition::Clock::now();
    ++provider_->answers;
    provider_->asking = false;
    provider_->answered.notify_all();
}

CredentialProbe::Turn::~Turn()
{
    if (provider_ != nullptr && !told_) {  // it ended without asking: the next one does
        provider_->asking = false;
        provider_->answered.notify_all();
    }
}

}  // namespace meetlink::token
