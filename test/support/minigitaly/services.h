#pragma once

// The services of the node, one file each. `node` is borrowed for as long as the table lives.

#include "method_table.h"
#include "node.h"

namespace praefect::minigitaly {

void AddRepositoryMethods(const Node& node, MethodTable& table);   // repository_service.cc
void AddMaintenanceMethods(const Node& node, MethodTable& table);  // maintenance.cc
void AddReplicationMethods(const Node& node, MethodTable& table);  // replication.cc
void AddObjectPoolMethods(const Node& node, MethodTable& table);   // object_pool_service.cc
void AddRefMethods(const Node& node, MethodTable& table);          // ref_service.cc
void AddCommitMethods(const Node& node, MethodTable& table);       // commit_service.cc
void AddBlobMethods(const Node& node, MethodTable& table);         // blob_service.cc
void AddOperationMethods(const Node& node, MethodTable& table);    // operation_service.cc
void AddSshMethods(const Node& node, MethodTable& table);          // ssh_service.cc
void AddSmartHttpMethods(const Node& node, MethodTable& table);    // smart_http_service.cc
void AddStorageMethods(const Node& node, MethodTable& table);      // storage_services.cc
void AddServerMethods(const Node& node, MethodTable& table);       // server_service.cc

inline void AddAllMethods(const Node& node, MethodTable& table) {
  for (auto add :
       {AddRepositoryMethods, AddMaintenanceMethods, AddReplicationMethods, AddObjectPoolMethods,
        AddRefMethods, AddCommitMethods, AddBlobMethods, AddOperationMethods, AddSshMethods,
        AddSmartHttpMethods, AddStorageMethods, AddServerMethods}) {
    add(node, table);
  }
}

}  // namespace praefect::minigitaly
