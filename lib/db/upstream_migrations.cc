#include "db/migrations.h"

namespace praefect::db {
namespace {

// Gitaly v18.9, internal/praefect/datastore/migrations.
constexpr std::string_view kUpstream[] = {
    "20200109161404_hello_world",
    "20200113151438_1_test_migration",
    "20200224220728_job_queue",
    "20200225220728_readd_job_queue",
    "20200324001604_add_sql_election_tables",
    "20200422131451_add_shard_read_only_column",
    "20200512131219_replication_job_indexing",
    "20200527103816_drop_old_gitaly_tables",
    "20200602154246_remember_previous_writable_primary",
    "20200707101830_repositories_table",
    "20200810055650_replication_queue_cleanup",
    "20200921154417_repositories_nullable_generation",
    "20200921170311_repositories_primary_column",
    "20201006125956_trigger_repository_update_generation",
    "20201102115118_variable_replication_factor",
    "20201102171914_virtual_storage_configuration",
    "20201126165633_repository_assignments_table",
    "20201208163237_cleanup_notifiactions_payload",
    "20201231075619_remove_unused_assigned_column",
    "20210223130233_delete_replica_unique_index",
    "20210225101159_replication_queue_target_index",
    "20210525143540_healthy_storages_view",
    "20210525173505_valid_primaries_view",
    "20210607124235_optimize_valid_primaries_view",
    "20210727085659_repository_ids",
    "20210906130405_add_replica_path",
    "20210906145021_link_repository_id",
    "20210914115710_storage_cleanups_table",
    "20210921131816_backfill_replica_path",
    "20210922091614_repository_id_primary_key_indexes",
    "20210922143752_storage_repositories_cascade_delete",
    "20210923155827_valid_primaries_view_repository_id",
    "20210927083631_repository_path_index",
    "20211018142158_valid_primaries_view_join_repo_id",
    "20211025113445_remove_cancelled_replication_events",
    "20211105100456_check_non_null_repository_id",
    "20211105100458_non_nullable_repository_id",
    "20220215160117_replication_queue_cleanup_again",
    "20220303105110_background_verification_columns",
    "20220404131105_stale_verification_lease_index",
    "20220407111624_ignore_verification_in_triggers",
    "20220520083313_remove_maintenance_replication_events",
    "20260224025459_repo_write_locks",
};
static_assert(std::size(kUpstream) == 43);

}  // namespace

std::span<const std::string_view> UpstreamMigrations() { return kUpstream; }

}  // namespace praefect::db
