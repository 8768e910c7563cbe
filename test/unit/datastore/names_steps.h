#pragma once

// What may happen next in a state of the names model.

#include <absl/strings/str_cat.h>

#include "datastore/rules.h"
#include "names_model.h"

namespace praefect::datastore {

using NamesState = NamesModel::State;

Books UnpackBooks(const NamesState& state, int id);
void PackBooks(const Books& books, int id, NamesState* state);

// What repositories, paths and nodes are called in stories.
inline std::string Repo(int id) { return absl::StrCat("#", id + 1); }
inline std::string Path(int path) { return path ? "Q" : "P"; }
inline std::string Node(int n) { return absl::StrCat("N", n + 1); }

class NamesSteps {
 public:
  NamesSteps(const NamesState& state, const NamesLimits& limits, const NamesMistakes& mistakes,
             Emit<NamesState> emit)
      : before_(state), limits_(limits), mistakes_(mistakes), emit_(emit), next_(state) {}
  void All();

 private:
  using Model = NamesModel;

  void Go(Label label) { Go(false, label); }
  void Go(bool optional, Label label);

  void Begin(int k);
  void Route(int k, bool optional);
  void RouteKnown(int k, int id, bool optional);
  void Adopt(int k);
  void RecordAdoption(int k);
  void TakeAdopted(int id, int found, int instance);
  void RunOpen(int k);
  void OpenWrite(int k);
  void OpenRename(int k);
  void OpenCreate(int k);
  void OnNode(int k);
  void Sent(int k);
  void Unproven(int k);
  void Jobs(int id);
  void RunCopy(int id, int n);
  void RunDelete(int id, int n);
  void Cache();
  void ReadLands();
  void Reads();
  void StrayLands();
  void Die();

  int Worker() const { return limits_.deaths && !before_.dead ? 1 : 0; }
  bool IsAlive(int instance) const { return instance == 0 || !before_.dead; }
  int FreeId() const;
  int Ask(int path) const;  // which nodes have something there, a bit for each
  void Finish(int k);
  void RouteAnew(int k);
  void Notify(int id, int by);
  void RemoveRepository(int id, int by);
  bool SettleOperation(int k, bool node_ok);
  void LandWrite(int k);
  void LandCopy(int id, int n);
  void LandDelete(int id, int n);
  std::string Who(int k) const;

  const NamesState& before_;
  const NamesLimits& limits_;
  const NamesMistakes& mistakes_;
  const Emit<NamesState> emit_;
  NamesState next_;
};

}  // namespace praefect::datastore
