#include "web/event_stream.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace meetlink::web {
namespace {

namespace asio = boost::asio;

class WebEventStream : public testing::Test {
protected:
    std::shared_ptr<EventStream> open(std::vector<std::string> ids)
    {
        return std::make_shared<EventStream>(loop_.get_executor(), std::move(ids),
                                             Condition::Clock::now() + std::chrono::hours{1});
    }
    /// What is sent next; there must be something.
    std::string next(EventStream& stream)
    {
        std::optional<std::string> piece;
        asio::co_spawn(
            loop_, [&]() -> asio::awaitable<void> { piece = co_await stream.next(); },
            asio::detached);
        loop_.restart();
        loop_.run();
        return piece.value_or("(end)");
    }
    static std::string id_of(const std::string& text)
    {
        const auto from = text.rfind("id: ") + 4;
        return text.substr(from, text.find('\n', from) - from);
    }

private:
    asio::io_context loop_;
};

TEST_F(WebEventStream, TellsWhatChanged)
{
    const auto stream = open({"a", "b"});
    stream->begin({1, 2}, {});
    EXPECT_EQ(next(*stream), "id: AAABAAAC\n\n");
    stream->marked(1, 3);
    stream->marked(1, 0xFFFFFF);
    EXPECT_EQ(next(*stream), "id: AAAB____\nevent: session\ndata: {\"session_id\":\"b\"}\n\n");
    stream->close();
    EXPECT_EQ(next(*stream), "(end)");
}

TEST_F(WebEventStream, ForgetsWhatChangedBack)
{
    const auto stream = open({"a", "b"});
    stream->begin({1, 2}, {});
    std::ignore = next(*stream);
    stream->marked(0, 9);
    stream->marked(0, 1);
    stream->marked(1, 3);
    EXPECT_EQ(next(*stream).find("\"a\""), std::string::npos);
}

TEST_F(WebEventStream, ResumesByTheIdThatCameLast)
{
    const auto before = open({"a", "b"});
    before->begin({1, 2}, {});
    const auto id = id_of(next(*before));
    const auto changed = open({"a", "b"});
    changed->begin({1, 7}, id);
    const auto told = next(*changed);
    EXPECT_EQ(told.find("\"a\""), std::string::npos);
    EXPECT_NE(told.find("\"b\""), std::string::npos);
    const auto other = open({"a", "b"});
    other->begin({1, 2}, "of other sessions");
    const auto all = next(*other);
    EXPECT_NE(all.find("\"a\""), std::string::npos);
    EXPECT_NE(all.find("\"b\""), std::string::npos);
}

TEST_F(WebEventStream, TellsTheConsoleOnceForMany)
{
    const auto stream = open({});
    stream->begin_console(5, {});
    EXPECT_EQ(next(*stream), "id: 5\n\n");
    stream->console_marked(6);
    stream->console_marked(8);
    EXPECT_EQ(next(*stream), "id: 8\nevent: console\ndata: {}\n\n");
    const auto again = open({});
    again->begin_console(9, "8");
    EXPECT_NE(next(*again).find("event: console"), std::string::npos);
}

}  // namespace
}  // namespace meetlink::web
