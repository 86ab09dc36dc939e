#include "fakes.h"

using namespace camproxy;
using test::FakeConnection;
using test::House;
using Kind = ws::Event::Kind;

namespace {

struct Visited : House {
  Visited() {
    connection.answers = Connection::Progress::working;  // there is no server
    start();
    run(10);
  }
  void visit(FakeConnection& visitor, const std::string& request) {
    visitor.is_open = true;
    visitor.bring(request);
    listener.waiting.push_back(&visitor);
    run(40);
  }
};

const std::string kKnown = "Authorization: Bearer look\r\n";
const std::string kUpgrade =
    "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

}  // namespace

TEST_CASE("visitors: one getframe, one picture") {
  Visited house;
  FakeConnection visitor;
  visitor.piece = 1;
  visitor.is_open = true;
  visitor.bring(kUpgrade + kKnown + "\r\n");
  house.listener.waiting.push_back(&visitor);
  house.run(400);
  CHECK(visitor.sent.find("HTTP/1.1 101 ") == 0);
  CHECK(visitor.sent.find(test::kAccept) != std::string::npos);
  visitor.sent.clear();
  house.run(500);
  CHECK(visitor.sent.empty());
  visitor.bring(test::masked(ws::kText, "getframe") + test::masked(ws::kText, R"({"type": "ping", "id": 4})") +
                test::masked(ws::kText, R"({"type": "restart", "id": 5})"));
  house.run(300);
  const auto said = test::read_all(visitor.sent, false);
  REQUIRE(said.size() == 2);
  CHECK((said[0].kind == Kind::binary && said[0].data == house.sensor.picture));
  CHECK(said[1].data == R"({"type":"pong","id":4})");
  CHECK(house.board.restarted == 0);  // that is for the server it is paired with
  CHECK(house.sensor.out == 0);
}

TEST_CASE("visitors: nobody without the token, and nobody at all where there is none") {
  Visited house;
  for (const char* shown : {"", "Authorization: Bearer loo\r\n", "Authorization: Bearer lookx\r\n",
                            "Authorization: Basic YW5uYTpsb28=\r\n", "Authorization: look\r\n"}) {
    FakeConnection visitor;
    house.visit(visitor, std::string("GET /capture HTTP/1.1\r\n") + shown + "\r\n");
    CHECK(visitor.sent.find("HTTP/1.1 401 ") == 0);
    CHECK_FALSE(visitor.is_open);
  }
  FakeConnection basic;
  house.visit(basic, "GET /status HTTP/1.1\r\nAuthorization: Basic YW5uYTpsb29r\r\n\r\n");  // anna:look
  CHECK(basic.sent.find("HTTP/1.1 200 OK") == 0);
  CHECK(basic.sent.find(R"("framesize":"SVGA")") != std::string::npos);
  house.board.serial = "viewtoken \n";
  house.run(5);
  FakeConnection empty;
  house.visit(empty, "GET /status HTTP/1.1\r\nAuthorization: Bearer \r\n\r\n");
  CHECK(empty.sent.find("HTTP/1.1 401 ") == 0);
}

TEST_CASE("visitors: a stream, a single picture, and what is no request") {
  Visited house;
  FakeConnection stream;
  FakeConnection capture;
  house.visit(stream, "GET /stream HTTP/1.1\r\n" + kKnown + "\r\n");
  house.visit(capture, "GET /capture?x=1 HTTP/1.1\r\n" + kKnown + "\r\n");
  house.run(1000);
  CHECK(capture.sent.find("Content-Length: 5000\r\n\r\n" + house.sensor.picture) != std::string::npos);
  CHECK_FALSE(capture.is_open);
  size_t parts = 0;
  for (size_t at = 0; (at = stream.sent.find("--frame\r\n", at)) != std::string::npos; at++) parts++;
  CHECK(parts >= 9);
  CHECK(parts <= 14);
  for (const char* request : {"POST /stream HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "GET /else HTTP/1.1\r\n"}) {
    FakeConnection other;
    house.visit(other, request + (strstr(request, "else") ? kKnown + "\r\n" : std::string()));
    CHECK(other.sent.find("HTTP/1.1 40") == 0);
  }
  stream.lost = true;
  house.run(5);
  CHECK(house.sensor.out == 0);
}

TEST_CASE("visitors: who says nothing, or takes nothing, goes, and gives the picture back") {
  Visited house;
  FakeConnection slow;
  house.visit(slow, "GET /cap");
  CHECK(slow.is_open);
  house.run(2100);
  CHECK_FALSE(slow.is_open);
  FakeConnection stuck;
  stuck.room = 100;
  house.visit(stuck, "GET /capture HTTP/1.1\r\n" + kKnown + "\r\n");
  stuck.room = 0;
  house.run(10);
  CHECK(house.sensor.out == 1);
  house.run(5100);
  CHECK_FALSE(stuck.is_open);
  CHECK(house.sensor.out == 0);
}
