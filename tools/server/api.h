// From an address to an answer. Whether the one who asks may ask has been settled before (http_guard.h).
#pragma once

#include <map>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>

#include "tools/server/assets.h"
#include "tools/server/departure.h"
#include "tools/server/late_graphs.h"
#include "tools/server/reply.h"
#include "tools/server/session.h"

namespace pthview::server {

using Query = std::multimap<std::string, std::string>;

using HeavyWork = std::counting_semaphore<>;

// Thread-safe.
class Api {
 public:
  // Borrows the sessions, and what makes graphs that are asked for; without it those stay away.
  Api(Assets assets, const Sessions* sessions, bool watching, LateGraphs* late_graphs = nullptr)
      : assets_(std::move(assets)), sessions_(sessions), watching_(watching), late_graphs_(late_graphs) {}

  // `path` is decoded and starts with a slash. Long computations end, with an error that nobody reads, when `gone` says
  // that the one who asked has left.
  Reply Get(std::string_view path, const Query& query, const Gone& gone = {});

 private:
  Reply GetFile(std::string_view id, std::span<const std::string_view> rest, const Query& query, const Gone& gone);

  Reply Compare(const Model& model, std::string_view other, const Query& query, const Gone& gone);

  Assets assets_;
  const Sessions* sessions_;
  bool watching_;
  LateGraphs* late_graphs_;
  // Reading a whole tensor uses every core by itself; more at once would only add memory.
  HeavyWork heavy_{2};
};

}  // namespace pthview::server
