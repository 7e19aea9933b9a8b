#include "store/orders.h"

#include <sys/stat.h>

#include "base/files.h"
#include "catch.h"
#include "store/locked_state.h"

using namespace mxcert;
using namespace mxcert::store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {
struct Fixture : test::LockedState {
  Orders orders{state};
  const std::string name = "mx.example.com";
  const OrderRecord order{.directory = "https://ca.example/dir",
                          .names = {"mx.example.com", "mx2.example.com"},
                          .csr_der = std::string("\x30\x00\xff", 3),
                          .private_key = "KEY",
                          .url = "https://ca.example/order/1"};
};
}  // namespace

TEST_CASE_METHOD(Fixture, "an order under way is found again with its key") {
  orders.save(name, order);
  const auto found = orders.find(name);
  REQUIRE(found);
  CHECK(found->csr_der == order.csr_der);
  CHECK(found->names == order.names);
  CHECK(found->private_key == "KEY");
  CHECK(found->url == order.url);
  struct stat status {};
  REQUIRE(::stat((state.orders() / "mx.example.com.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  orders.remove(name);
  CHECK_FALSE(orders.find(name));
  CHECK(fs::is_empty(state.orders()));
}

TEST_CASE_METHOD(Fixture, "the orders with a certificate's two keys know nothing of each other") {
  OrderRecord second = order;
  second.private_key = "RSA KEY";
  second.url = "https://ca.example/order/2";
  orders.save(name, order);
  orders.save(name, second, pki::KeyFamily::rsa);
  CHECK(orders.find(name)->private_key == "KEY");
  CHECK(orders.find(name, pki::KeyFamily::rsa)->private_key == "RSA KEY");
  CHECK(orders.find(name, pki::KeyFamily::rsa)->url == second.url);
  CHECK_FALSE(orders.find(name, pki::KeyFamily::ecdsa));
  struct stat status {};
  REQUIRE(::stat((state.orders() / "mx.example.com+rsa.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  orders.remove(name);
  CHECK_FALSE(orders.find(name));
  CHECK(orders.find(name, pki::KeyFamily::rsa));
  orders.save(name, order);
  orders.remove_all(name);
  CHECK(fs::is_empty(state.orders()));
}

TEST_CASE_METHOD(Fixture, "an order without its key is no order") {
  orders.save(name, order);
  fs::remove(state.orders() / "mx.example.com.key");
  CHECK_FALSE(orders.find(name));
}

TEST_CASE_METHOD(Fixture, "a new key never goes with an older order") {
  orders.save(name, order);

  OrderRecord next = order;
  next.private_key = "OTHER";
  next.url = "https://ca.example/order/2";
  orders.save(name, next);
  CHECK(orders.find(name)->private_key == "OTHER");
  CHECK(orders.find(name)->url == next.url);
}

TEST_CASE_METHOD(Fixture, "a damaged order is no order") {
  orders.save(name, order);
  const std::string damaged = GENERATE("", "{}", "[1]", R"({"csr":"!!"})", R"({"csr":7,"names":{}})");
  write_file_atomically(state.orders() / "mx.example.com.json", damaged, {});
  CHECK_FALSE(orders.find(name));
}

TEST_CASE_METHOD(Fixture, "what met a challenge is remembered until it is forgotten, with or without the order") {
  CHECK(Orders(StateDirectory(dir / "elsewhere")).find_traces().empty());
  const std::vector<ChallengeTrace> traces{
      {.method = "webroot", .name = "mx.example.com", .where = "/var/www", .value = ".well-known"},
      {.method = "dns", .name = "*.example.com", .where = "_acme-challenge.example.com", .value = "text"}};
  orders.save(name, order);
  orders.save_traces(name, traces);
  orders.remove(name);
  const auto found = Orders(state).find_traces();
  REQUIRE(found.size() == 1);
  CHECK(found.at(name) == traces);
  orders.save_traces(name, {});
  CHECK(fs::is_empty(state.orders()));
  orders.save_traces(name, {});
  write_file_atomically(state.orders() / "mx.example.com.challenges.json", "{\"traces\": [1, {\"value\": 2}]}", {});
  CHECK(orders.find_traces().at(name) == std::vector<ChallengeTrace>(1));
}
