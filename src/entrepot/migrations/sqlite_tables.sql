CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE accounts (
	id CHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	quota BIGINT NOT NULL, 
	used BIGINT DEFAULT '0' NOT NULL, 
	reserved BIGINT DEFAULT '0' NOT NULL, 
	created_at DATETIME NOT NULL, suspended_at DATETIME, 
	CONSTRAINT pk_accounts PRIMARY KEY (id), 
	CONSTRAINT ck_accounts_within_quota CHECK (used + reserved <= quota), 
	CONSTRAINT ck_accounts_counts CHECK (used >= 0 AND reserved >= 0), 
	CONSTRAINT uq_accounts_name UNIQUE (name)
);

CREATE TABLE failed_sign_ins (
	name VARCHAR(140) NOT NULL, 
	failures INTEGER NOT NULL, 
	since DATETIME NOT NULL, 
	CONSTRAINT pk_failed_sign_ins PRIMARY KEY (name)
);

CREATE TABLE worker_leases (
	executor_id VARCHAR(64) NOT NULL, 
	heartbeat_at DATETIME NOT NULL, 
	CONSTRAINT pk_worker_leases PRIMARY KEY (executor_id)
);

CREATE TABLE activity (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32), 
	key_id CHAR(32), 
	action VARCHAR(40) NOT NULL, 
	file_id CHAR(32), 
	version INTEGER, 
	detail JSON NOT NULL, user_name VARCHAR(140), address VARCHAR(64), request_id VARCHAR(32), result VARCHAR(20), hash VARCHAR(64), 
	CONSTRAINT pk_activity PRIMARY KEY (id), 
	CONSTRAINT fk_activity_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE reservations (
	id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	blocked BOOLEAN DEFAULT 0 NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, user_id CHAR(32), key_id CHAR(32), sender_account_id CHAR(32), file_id CHAR(32), 
	CONSTRAINT pk_reservations PRIMARY KEY (id), 
	CONSTRAINT ck_reservations_size CHECK (size >= 0), 
	CONSTRAINT fk_reservations_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE users (
	id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password_hash TEXT, 
	created_at DATETIME NOT NULL, 
	disabled_at DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT fk_users_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_users_account_id_name UNIQUE (account_id, name)
);

CREATE TABLE files (
	id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	owner_id CHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	description TEXT NOT NULL, 
	size_limit BIGINT NOT NULL, 
	enforcement VARCHAR(8) NOT NULL, 
	current_version INTEGER, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, dialect JSON, retention JSON, deleted_at DATETIME, purged_at DATETIME, name_key VARCHAR(600) DEFAULT '' NOT NULL, current_size BIGINT DEFAULT '-1' NOT NULL, encoding VARCHAR(40), withdrawn_at DATETIME, path VARCHAR(255), path_key VARCHAR(255), 
	CONSTRAINT pk_files PRIMARY KEY (id), 
	CONSTRAINT ck_files_size_limit CHECK (size_limit > 0), 
	CONSTRAINT fk_files_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_files_owner_id FOREIGN KEY(owner_id) REFERENCES users (id)
);

CREATE TABLE sessions (
	digest BLOB NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (digest), 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE sign_in_links (
	digest BLOB NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	expires_at DATETIME NOT NULL, sets_password BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_sign_in_links PRIMARY KEY (digest), 
	CONSTRAINT fk_sign_in_links_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE schema_revisions (
	file_id CHAR(32) NOT NULL, 
	revision INTEGER NOT NULL, 
	source VARCHAR(8) NOT NULL, 
	schema JSON NOT NULL, 
	version INTEGER, 
	created_by CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, changes JSON, encoding VARCHAR(40), dialect JSON, 
	CONSTRAINT pk_schema_revisions PRIMARY KEY (file_id, revision), 
	CONSTRAINT fk_schema_revisions_created_by FOREIGN KEY(created_by) REFERENCES users (id), 
	CONSTRAINT fk_schema_revisions_file_id FOREIGN KEY(file_id) REFERENCES files (id)
);

CREATE TABLE tasks (
	id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	done BIGINT DEFAULT '0' NOT NULL, 
	total BIGINT DEFAULT '0' NOT NULL, 
	file_id CHAR(32), 
	version INTEGER, 
	error JSON, 
	has_report BOOLEAN DEFAULT 0 NOT NULL, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	cancel_requested_at DATETIME, 
	starts INTEGER DEFAULT '0' NOT NULL, 
	revision INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_tasks PRIMARY KEY (id), 
	CONSTRAINT fk_tasks_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_tasks_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT fk_tasks_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE versions (
	id CHAR(32) NOT NULL, 
	file_id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	media_type VARCHAR(127) NOT NULL, 
	row_count BIGINT, 
	created_by CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	decided_at DATETIME, 
	task_id CHAR(32) NOT NULL, 
	keep_until DATETIME, 
	bytes_removed_at DATETIME, restored_from INTEGER, deleted_at DATETIME, spared BOOLEAN DEFAULT 0 NOT NULL, accepted_from INTEGER, reason TEXT, replaces INTEGER, withdrawn_at DATETIME, withdrawn_by VARCHAR(140), withdrawal_reason TEXT, purged BOOLEAN DEFAULT 0 NOT NULL, link_id CHAR(32), 
	CONSTRAINT pk_versions PRIMARY KEY (id), 
	CONSTRAINT fk_versions_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_versions_created_by FOREIGN KEY(created_by) REFERENCES users (id), 
	CONSTRAINT fk_versions_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT uq_versions_file_id_number UNIQUE (file_id, number), 
	CONSTRAINT uq_versions_task_id UNIQUE (task_id)
);

CREATE TABLE inspections (
	version_id CHAR(32) NOT NULL, 
	report JSON NOT NULL, 
	profile JSON NOT NULL, 
	schema JSON, columns JSON, revision INTEGER, encoding VARCHAR(40), dialect JSON, 
	CONSTRAINT pk_inspections PRIMARY KEY (version_id), 
	CONSTRAINT fk_inspections_version_id FOREIGN KEY(version_id) REFERENCES versions (id)
);

CREATE TABLE derivatives (
	version_id CHAR(32) NOT NULL, 
	form VARCHAR(8) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	run_id CHAR(32) NOT NULL, 
	blob_id CHAR(32), 
	size BIGINT DEFAULT '0' NOT NULL, 
	sha256 VARCHAR(64), 
	error JSON, 
	starts INTEGER DEFAULT '0' NOT NULL, 
	requested_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	used_at DATETIME NOT NULL, 
	CONSTRAINT pk_derivatives PRIMARY KEY (version_id, form), 
	CONSTRAINT ck_derivatives_size CHECK (size >= 0), 
	CONSTRAINT ck_derivatives_bytes_if_ready CHECK ((status = 'ready') = (blob_id IS NOT NULL)), 
	CONSTRAINT fk_derivatives_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_derivatives_version_id FOREIGN KEY(version_id) REFERENCES versions (id), 
	CONSTRAINT uq_derivatives_blob_id UNIQUE (blob_id), 
	CONSTRAINT uq_derivatives_run_id UNIQUE (run_id)
);

CREATE TABLE checks (
	id CHAR(32) NOT NULL, 
	task_id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	file_id CHAR(32), 
	name VARCHAR(255) NOT NULL, 
	mode VARCHAR(8) NOT NULL, 
	schema JSON, 
	dialect JSON, 
	size BIGINT DEFAULT '0' NOT NULL, 
	sha256 VARCHAR(64), 
	revision INTEGER, 
	changes JSON, 
	report JSON, 
	created_by CHAR(32) NOT NULL, 
	key_id CHAR(32), 
	created_at DATETIME NOT NULL, 
	decided_at DATETIME, 
	keep_until DATETIME, 
	bytes_removed_at DATETIME, encoding VARCHAR(40), version INTEGER, 
	CONSTRAINT pk_checks PRIMARY KEY (id), 
	CONSTRAINT ck_checks_size CHECK (size >= 0), 
	CONSTRAINT fk_checks_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_checks_created_by FOREIGN KEY(created_by) REFERENCES users (id), 
	CONSTRAINT fk_checks_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT uq_checks_task_id UNIQUE (task_id)
);

CREATE TABLE replies (
	user_id CHAR(32) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	reservation_id CHAR(32) NOT NULL, 
	fingerprint VARCHAR(64), 
	task_id CHAR(32), 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_replies PRIMARY KEY (user_id, "key"), 
	CONSTRAINT ck_replies_answered_whole CHECK ((task_id IS NULL) = (fingerprint IS NULL))
);

CREATE TABLE entitlements (
	file_id CHAR(32) NOT NULL, 
	grantee_id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32), 
	reads BOOLEAN NOT NULL, 
	writes BOOLEAN NOT NULL, 
	granted_by CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	file_created_at DATETIME NOT NULL, 
	CONSTRAINT pk_entitlements PRIMARY KEY (file_id, grantee_id), 
	CONSTRAINT ck_entitlements_grantee CHECK (grantee_id = coalesce(user_id, account_id)), 
	CONSTRAINT ck_entitlements_something CHECK (reads OR writes), 
	CONSTRAINT fk_entitlements_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT fk_entitlements_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT fk_entitlements_granted_by FOREIGN KEY(granted_by) REFERENCES users (id), 
	CONSTRAINT fk_entitlements_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE offers (
	file_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	offered_by CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_offers PRIMARY KEY (file_id), 
	CONSTRAINT fk_offers_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT fk_offers_offered_by FOREIGN KEY(offered_by) REFERENCES users (id), 
	CONSTRAINT fk_offers_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE uploads (
	id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	received BIGINT DEFAULT '0' NOT NULL, 
	unproven BIGINT, 
	told TEXT NOT NULL, 
	if_match TEXT, 
	concat VARCHAR(8), 
	parts JSON, 
	joined_into CHAR(32), 
	request_key VARCHAR(255), 
	turn INTEGER DEFAULT '0' NOT NULL, 
	task_id CHAR(32), 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (id), 
	CONSTRAINT ck_uploads_received CHECK (received >= 0 AND received <= size), 
	CONSTRAINT fk_uploads_account_id FOREIGN KEY(account_id) REFERENCES accounts (id), 
	CONSTRAINT uq_uploads_user_id_request_key UNIQUE (user_id, request_key)
);

CREATE TABLE activity_heads (
	account_id CHAR(32) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_activity_heads PRIMARY KEY (account_id), 
	CONSTRAINT fk_activity_heads_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE open_reads (
	id VARCHAR(64) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	user_name VARCHAR(140) NOT NULL, 
	key_id CHAR(32), 
	address VARCHAR(64), 
	request_id VARCHAR(32), 
	file_id CHAR(32) NOT NULL, 
	version INTEGER NOT NULL, 
	form VARCHAR(20) NOT NULL, 
	requests INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	broken_off BOOLEAN NOT NULL, 
	began_at DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	CONSTRAINT pk_open_reads PRIMARY KEY (id), 
	CONSTRAINT fk_open_reads_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE file_numbers (
        number INTEGER PRIMARY KEY, file_id CHAR(32) NOT NULL UNIQUE REFERENCES files (id)
    );

CREATE VIRTUAL TABLE file_search USING fts5(
        grams, content='', detail=none, columnsize=0, tokenize='ascii'
    );

CREATE TABLE comparisons (
	task_id CHAR(32) NOT NULL, 
	file_id CHAR(32) NOT NULL, 
	before_id CHAR(32) NOT NULL, 
	after_id CHAR(32) NOT NULL, 
	"key" JSON NOT NULL, 
	examples INTEGER NOT NULL, 
	created_by CHAR(32) NOT NULL, 
	result JSON, 
	CONSTRAINT pk_comparisons PRIMARY KEY (task_id), 
	CONSTRAINT fk_comparisons_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT fk_comparisons_before_id FOREIGN KEY(before_id) REFERENCES versions (id), 
	CONSTRAINT fk_comparisons_after_id FOREIGN KEY(after_id) REFERENCES versions (id), 
	CONSTRAINT fk_comparisons_created_by FOREIGN KEY(created_by) REFERENCES users (id)
);

CREATE TABLE "keys" (
	id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	prefix VARCHAR(16) NOT NULL, 
	digest BLOB NOT NULL, 
	scopes VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	last_used_at DATETIME, 
	revoked_at DATETIME, 
	account_id CHAR(32) NOT NULL, 
	CONSTRAINT pk_keys PRIMARY KEY (id), 
	CONSTRAINT uq_keys_digest UNIQUE (digest), 
	CONSTRAINT fk_keys_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT fk_keys_account_id FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE released_blobs (
	blob_id CHAR(32) NOT NULL, 
	released_at DATETIME NOT NULL, 
	CONSTRAINT pk_released_blobs PRIMARY KEY (blob_id)
);

CREATE TABLE installation (
	id CHAR(32) NOT NULL, 
	secret_digest BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (id)
);

CREATE TABLE queue_entries (
	id CHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	file_id CHAR(32), 
	version INTEGER, 
	size BIGINT NOT NULL, 
	short BOOLEAN NOT NULL, 
	state VARCHAR(8) DEFAULT 'waiting' NOT NULL, 
	enqueued_at DATETIME NOT NULL, 
	not_before DATETIME, 
	owner VARCHAR(64), 
	lease INTEGER DEFAULT '0' NOT NULL, 
	claimed_at DATETIME, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	postponed BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_queue_entries PRIMARY KEY (id), 
	CONSTRAINT ck_queue_entries_owned_while_running CHECK ((state = 'running') = (owner IS NOT NULL)), 
	CONSTRAINT ck_queue_entries_ordered_whole CHECK ((file_id IS NULL) = (version IS NULL))
);

CREATE TABLE senders (
	receiver_id CHAR(32) NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	decision VARCHAR(8), 
	decided_at DATETIME, 
	CONSTRAINT pk_senders PRIMARY KEY (receiver_id, account_id), 
	CONSTRAINT ck_senders_decision CHECK (decision IN ('accepted', 'blocked')), 
	CONSTRAINT fk_senders_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE TABLE metadata_changes (
	id INTEGER NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	bytes BIGINT NOT NULL, 
	CONSTRAINT pk_metadata_changes PRIMARY KEY (id)
);

CREATE TABLE key_networks (
	key_id CHAR(32) NOT NULL, 
	network VARCHAR(64) NOT NULL, 
	first_used_at DATETIME NOT NULL, 
	CONSTRAINT pk_key_networks PRIMARY KEY (key_id, network), 
	CONSTRAINT fk_key_networks_key_id FOREIGN KEY(key_id) REFERENCES keys (id) ON DELETE CASCADE
);

CREATE TABLE file_links (
	id CHAR(32) NOT NULL, 
	digest BLOB NOT NULL, 
	prefix VARCHAR(16) NOT NULL, 
	file_id CHAR(32) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	form VARCHAR(8), 
	version INTEGER, 
	name VARCHAR(100) NOT NULL, 
	created_by CHAR(32) NOT NULL, 
	key_id CHAR(32), 
	password_hash TEXT, 
	max_uses INTEGER, 
	downloads INTEGER DEFAULT '0' NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_file_links PRIMARY KEY (id), 
	CONSTRAINT ck_file_links_kind CHECK (kind IN ('read', 'deliver')), 
	CONSTRAINT ck_file_links_what_is_read CHECK (kind = 'read' OR (form IS NULL AND version IS NULL)), 
	CONSTRAINT ck_file_links_max_uses CHECK (max_uses > 0), 
	CONSTRAINT ck_file_links_uses CHECK (downloads >= 0 AND downloads <= coalesce(max_uses, downloads)), 
	CONSTRAINT fk_file_links_file_id FOREIGN KEY(file_id) REFERENCES files (id), 
	CONSTRAINT fk_file_links_created_by FOREIGN KEY(created_by) REFERENCES users (id), 
	CONSTRAINT uq_file_links_digest UNIQUE (digest)
);

CREATE TABLE link_downloads (
	link_id CHAR(32) NOT NULL, 
	network VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	until DATETIME NOT NULL, 
	CONSTRAINT pk_link_downloads PRIMARY KEY (link_id, network, version), 
	CONSTRAINT fk_link_downloads_link_id FOREIGN KEY(link_id) REFERENCES file_links (id) ON DELETE CASCADE
);

CREATE TABLE derivative_changes (
	id INTEGER NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	bytes BIGINT NOT NULL, 
	CONSTRAINT pk_derivative_changes PRIMARY KEY (id)
);

CREATE INDEX ix_activity_by_account ON activity (account_id, id);

CREATE INDEX ix_activity_by_file ON activity (file_id, id);

CREATE INDEX ix_reservations_by_account ON reservations (account_id, created_at, id);

CREATE INDEX ix_reservations_expiring ON reservations (expires_at);

CREATE INDEX ix_files_by_account ON files (account_id, created_at, id);

CREATE INDEX ix_files_by_owner ON files (owner_id, created_at, id);

CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE INDEX ix_tasks_by_account ON tasks (account_id, created_at, id);

CREATE INDEX ix_tasks_by_file ON tasks (file_id);

CREATE INDEX ix_tasks_by_user ON tasks (user_id, created_at, id);

CREATE INDEX ix_versions_account_id ON versions (account_id);

CREATE INDEX ix_versions_expiring ON versions (keep_until);

CREATE INDEX ix_derivatives_by_account ON derivatives (account_id, used_at);

CREATE INDEX ix_derivatives_by_use ON derivatives (status, used_at);

CREATE INDEX ix_checks_account_id ON checks (account_id);

CREATE INDEX ix_checks_expiring ON checks (keep_until);

CREATE INDEX ix_files_deleted ON files (deleted_at);

CREATE INDEX ix_replies_expiring ON replies (expires_at);

CREATE INDEX ix_entitlements_by_grantee ON entitlements (grantee_id, file_created_at, file_id);

CREATE INDEX ix_entitlements_user_id ON entitlements (user_id);

CREATE INDEX ix_uploads_by_account ON uploads (account_id);

CREATE INDEX ix_uploads_expiring ON uploads (expires_at);

CREATE INDEX ix_activity_by_user ON activity (user_id, id);

CREATE INDEX ix_open_reads_by_end ON open_reads (last_at);

CREATE INDEX ix_files_by_account_name ON files (account_id, name_key, id);

CREATE INDEX ix_files_by_owner_name ON files (owner_id, name_key, id);

CREATE INDEX ix_files_by_account_update ON files (account_id, updated_at, id);

CREATE INDEX ix_files_by_owner_update ON files (owner_id, updated_at, id);

CREATE INDEX ix_files_by_account_size ON files (account_id, current_size, id);

CREATE INDEX ix_files_by_owner_size ON files (owner_id, current_size, id);

CREATE TRIGGER file_search_insert AFTER INSERT ON files BEGIN
        INSERT INTO file_numbers (file_id) VALUES (new.id);
        INSERT INTO file_search (rowid, grams)
            SELECT number, (
    WITH RECURSIVE
        places(place) AS (
            VALUES (1) UNION ALL SELECT place + 1 FROM places WHERE place < length(new.name_key)
        ),
        widths(width) AS (VALUES (2), (3))
    SELECT group_concat(
        substr(new.account_id, 1, 8) || hex(substr(new.name_key, place, width)), ' '
    )
    FROM places, widths WHERE place + width - 1 <= length(new.name_key)
) FROM file_numbers WHERE file_id = new.id;
    END;

CREATE TRIGGER file_search_update AFTER UPDATE OF name_key, account_id ON files
    WHEN old.name_key != new.name_key OR old.account_id != new.account_id BEGIN
        INSERT INTO file_search (file_search, rowid, grams)
            SELECT 'delete', number, (
    WITH RECURSIVE
        places(place) AS (
            VALUES (1) UNION ALL SELECT place + 1 FROM places WHERE place < length(old.name_key)
        ),
        widths(width) AS (VALUES (2), (3))
    SELECT group_concat(
        substr(old.account_id, 1, 8) || hex(substr(old.name_key, place, width)), ' '
    )
    FROM places, widths WHERE place + width - 1 <= length(old.name_key)
) FROM file_numbers WHERE file_id = old.id;
        INSERT INTO file_search (rowid, grams)
            SELECT number, (
    WITH RECURSIVE
        places(place) AS (
            VALUES (1) UNION ALL SELECT place + 1 FROM places WHERE place < length(new.name_key)
        ),
        widths(width) AS (VALUES (2), (3))
    SELECT group_concat(
        substr(new.account_id, 1, 8) || hex(substr(new.name_key, place, width)), ' '
    )
    FROM places, widths WHERE place + width - 1 <= length(new.name_key)
) FROM file_numbers WHERE file_id = new.id;
    END;

CREATE INDEX ix_comparisons_before_id ON comparisons (before_id);

CREATE INDEX ix_comparisons_after_id ON comparisons (after_id);

CREATE INDEX ix_keys_user_id ON keys (user_id);

CREATE INDEX ix_keys_live_by_user ON keys (user_id, created_at, id) WHERE revoked_at IS NULL;

CREATE INDEX ix_keys_live_by_account ON keys (account_id, created_at, id) WHERE revoked_at IS NULL;

CREATE INDEX ix_users_by_account ON users (account_id, created_at, id);

CREATE INDEX ix_entitlements_by_file ON entitlements (file_id, created_at, grantee_id);

CREATE INDEX ix_offers_by_user ON offers (user_id, created_at, file_id);

CREATE INDEX ix_reservations_by_user ON reservations (user_id);

CREATE INDEX ix_reservations_by_file ON reservations (file_id);

CREATE INDEX ix_queue_entries_by_sender ON queue_entries (account_id, user_id, short, enqueued_at);

CREATE INDEX ix_queue_entries_by_file ON queue_entries (file_id, version);

CREATE INDEX ix_metadata_changes_by_account ON metadata_changes (account_id, bytes);

CREATE TRIGGER counted_files_insert AFTER INSERT ON files FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.description AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.retention AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_files_delete AFTER DELETE ON files FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.description AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.retention AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_files_update AFTER UPDATE OF description, dialect, retention, account_id ON files FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.description AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.retention AS BLOB)), 0) + 0) WHERE 1 = 1; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.description AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.retention AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_checks_insert AFTER INSERT ON checks FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.changes AS BLOB)), 0) + coalesce(length(CAST(NEW.report AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_checks_delete AFTER DELETE ON checks FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.changes AS BLOB)), 0) + coalesce(length(CAST(OLD.report AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_checks_update AFTER UPDATE OF schema, dialect, changes, report, account_id ON checks FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.changes AS BLOB)), 0) + coalesce(length(CAST(OLD.report AS BLOB)), 0) + 0) WHERE 1 = 1; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.changes AS BLOB)), 0) + coalesce(length(CAST(NEW.report AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_schema_revisions_insert AFTER INSERT ON schema_revisions FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = NEW.file_id), (coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.changes AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_schema_revisions_delete AFTER DELETE ON schema_revisions FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = OLD.file_id), -(coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.changes AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_schema_revisions_update AFTER UPDATE OF schema, dialect, changes ON schema_revisions FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = OLD.file_id), -(coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.changes AS BLOB)), 0) + 0) WHERE 1 = 1; INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = NEW.file_id), (coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.changes AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_comparisons_insert AFTER INSERT ON comparisons FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = NEW.file_id), (coalesce(length(CAST(NEW.key AS BLOB)), 0) + coalesce(length(CAST(NEW.result AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_comparisons_delete AFTER DELETE ON comparisons FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = OLD.file_id), -(coalesce(length(CAST(OLD.key AS BLOB)), 0) + coalesce(length(CAST(OLD.result AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_comparisons_update AFTER UPDATE OF key, result ON comparisons FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = OLD.file_id), -(coalesce(length(CAST(OLD.key AS BLOB)), 0) + coalesce(length(CAST(OLD.result AS BLOB)), 0) + 0) WHERE 1 = 1; INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM files WHERE files.id = NEW.file_id), (coalesce(length(CAST(NEW.key AS BLOB)), 0) + coalesce(length(CAST(NEW.result AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_inspections_insert AFTER INSERT ON inspections FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM versions WHERE versions.id = NEW.version_id), (coalesce(length(CAST(NEW.report AS BLOB)), 0) + coalesce(length(CAST(NEW.profile AS BLOB)), 0) + coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.columns AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_inspections_delete AFTER DELETE ON inspections FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM versions WHERE versions.id = OLD.version_id), -(coalesce(length(CAST(OLD.report AS BLOB)), 0) + coalesce(length(CAST(OLD.profile AS BLOB)), 0) + coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.columns AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_inspections_update AFTER UPDATE OF report, profile, schema, dialect, columns ON inspections FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM versions WHERE versions.id = OLD.version_id), -(coalesce(length(CAST(OLD.report AS BLOB)), 0) + coalesce(length(CAST(OLD.profile AS BLOB)), 0) + coalesce(length(CAST(OLD.schema AS BLOB)), 0) + coalesce(length(CAST(OLD.dialect AS BLOB)), 0) + coalesce(length(CAST(OLD.columns AS BLOB)), 0) + 0) WHERE 1 = 1; INSERT INTO metadata_changes (account_id, bytes) SELECT (SELECT account_id FROM versions WHERE versions.id = NEW.version_id), (coalesce(length(CAST(NEW.report AS BLOB)), 0) + coalesce(length(CAST(NEW.profile AS BLOB)), 0) + coalesce(length(CAST(NEW.schema AS BLOB)), 0) + coalesce(length(CAST(NEW.dialect AS BLOB)), 0) + coalesce(length(CAST(NEW.columns AS BLOB)), 0) + 0) WHERE 1 = 1; END;

CREATE TRIGGER counted_activity_insert AFTER INSERT ON activity FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.detail AS BLOB)), 0) + 256) WHERE NEW.action <> 'version.read'; END;

CREATE TRIGGER counted_activity_delete AFTER DELETE ON activity FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.detail AS BLOB)), 0) + 256) WHERE OLD.action <> 'version.read'; END;

CREATE TRIGGER counted_activity_update AFTER UPDATE OF detail, account_id ON activity FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.detail AS BLOB)), 0) + 256) WHERE OLD.action <> 'version.read'; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.detail AS BLOB)), 0) + 256) WHERE NEW.action <> 'version.read'; END;

CREATE TRIGGER moved_files_update AFTER UPDATE OF account_id ON files FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -coalesce(sum(coalesce(length(CAST(t.schema AS BLOB)), 0) + coalesce(length(CAST(t.dialect AS BLOB)), 0) + coalesce(length(CAST(t.changes AS BLOB)), 0) + 0), 0) FROM schema_revisions AS t WHERE t.file_id = OLD.id AND OLD.account_id <> NEW.account_id; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, coalesce(sum(coalesce(length(CAST(t.schema AS BLOB)), 0) + coalesce(length(CAST(t.dialect AS BLOB)), 0) + coalesce(length(CAST(t.changes AS BLOB)), 0) + 0), 0) FROM schema_revisions AS t WHERE t.file_id = OLD.id AND OLD.account_id <> NEW.account_id; INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -coalesce(sum(coalesce(length(CAST(t.key AS BLOB)), 0) + coalesce(length(CAST(t.result AS BLOB)), 0) + 0), 0) FROM comparisons AS t WHERE t.file_id = OLD.id AND OLD.account_id <> NEW.account_id; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, coalesce(sum(coalesce(length(CAST(t.key AS BLOB)), 0) + coalesce(length(CAST(t.result AS BLOB)), 0) + 0), 0) FROM comparisons AS t WHERE t.file_id = OLD.id AND OLD.account_id <> NEW.account_id;  END;

CREATE TRIGGER moved_versions_update AFTER UPDATE OF account_id ON versions FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -coalesce(sum(coalesce(length(CAST(t.report AS BLOB)), 0) + coalesce(length(CAST(t.profile AS BLOB)), 0) + coalesce(length(CAST(t.schema AS BLOB)), 0) + coalesce(length(CAST(t.dialect AS BLOB)), 0) + coalesce(length(CAST(t.columns AS BLOB)), 0) + 0), 0) FROM inspections AS t WHERE t.version_id = OLD.id AND OLD.account_id <> NEW.account_id; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, coalesce(sum(coalesce(length(CAST(t.report AS BLOB)), 0) + coalesce(length(CAST(t.profile AS BLOB)), 0) + coalesce(length(CAST(t.schema AS BLOB)), 0) + coalesce(length(CAST(t.dialect AS BLOB)), 0) + coalesce(length(CAST(t.columns AS BLOB)), 0) + 0), 0) FROM inspections AS t WHERE t.version_id = OLD.id AND OLD.account_id <> NEW.account_id;  END;

CREATE UNIQUE INDEX uq_files_by_path ON files (account_id, path_key);

CREATE INDEX ix_file_links_by_file ON file_links (file_id, created_at, id);

CREATE INDEX ix_versions_link_id ON versions (link_id);

CREATE INDEX ix_derivative_changes_by_account ON derivative_changes (account_id, bytes);

CREATE TRIGGER counted_derivatives_insert AFTER INSERT ON derivatives FOR EACH ROW BEGIN INSERT INTO derivative_changes (account_id, bytes) SELECT NEW.account_id, (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) WHERE (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) <> 0; INSERT INTO derivative_changes (account_id, bytes) SELECT '00000000000000000000000000000000', (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) WHERE (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) <> 0; END;

CREATE TRIGGER counted_derivatives_delete AFTER DELETE ON derivatives FOR EACH ROW BEGIN INSERT INTO derivative_changes (account_id, bytes) SELECT OLD.account_id, -(CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) WHERE (CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) <> 0; INSERT INTO derivative_changes (account_id, bytes) SELECT '00000000000000000000000000000000', -(CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) WHERE (CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) <> 0; END;

CREATE TRIGGER counted_derivatives_update AFTER UPDATE OF account_id, version_id, status, blob_id, size ON derivatives FOR EACH ROW BEGIN INSERT INTO derivative_changes (account_id, bytes) SELECT OLD.account_id, -(CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) WHERE (CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) <> 0; INSERT INTO derivative_changes (account_id, bytes) SELECT '00000000000000000000000000000000', -(CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) WHERE (CASE WHEN OLD.status = 'ready' AND OLD.blob_id <> OLD.version_id THEN OLD.size ELSE 0 END) <> 0; INSERT INTO derivative_changes (account_id, bytes) SELECT NEW.account_id, (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) WHERE (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) <> 0; INSERT INTO derivative_changes (account_id, bytes) SELECT '00000000000000000000000000000000', (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) WHERE (CASE WHEN NEW.status = 'ready' AND NEW.blob_id <> NEW.version_id THEN NEW.size ELSE 0 END) <> 0; END;

CREATE TRIGGER counted_uploads_insert AFTER INSERT ON uploads FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.told AS BLOB)), 0) + coalesce(length(CAST(NEW.if_match AS BLOB)), 0) + coalesce(length(CAST(NEW.parts AS BLOB)), 0)) WHERE (coalesce(length(CAST(NEW.told AS BLOB)), 0) + coalesce(length(CAST(NEW.if_match AS BLOB)), 0) + coalesce(length(CAST(NEW.parts AS BLOB)), 0)) <> 0; END;

CREATE TRIGGER counted_uploads_delete AFTER DELETE ON uploads FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.told AS BLOB)), 0) + coalesce(length(CAST(OLD.if_match AS BLOB)), 0) + coalesce(length(CAST(OLD.parts AS BLOB)), 0)) WHERE (coalesce(length(CAST(OLD.told AS BLOB)), 0) + coalesce(length(CAST(OLD.if_match AS BLOB)), 0) + coalesce(length(CAST(OLD.parts AS BLOB)), 0)) <> 0; END;

CREATE TRIGGER counted_uploads_update AFTER UPDATE OF account_id, told, if_match, parts ON uploads FOR EACH ROW BEGIN INSERT INTO metadata_changes (account_id, bytes) SELECT OLD.account_id, -(coalesce(length(CAST(OLD.told AS BLOB)), 0) + coalesce(length(CAST(OLD.if_match AS BLOB)), 0) + coalesce(length(CAST(OLD.parts AS BLOB)), 0)) WHERE (coalesce(length(CAST(OLD.told AS BLOB)), 0) + coalesce(length(CAST(OLD.if_match AS BLOB)), 0) + coalesce(length(CAST(OLD.parts AS BLOB)), 0)) <> 0; INSERT INTO metadata_changes (account_id, bytes) SELECT NEW.account_id, (coalesce(length(CAST(NEW.told AS BLOB)), 0) + coalesce(length(CAST(NEW.if_match AS BLOB)), 0) + coalesce(length(CAST(NEW.parts AS BLOB)), 0)) WHERE (coalesce(length(CAST(NEW.told AS BLOB)), 0) + coalesce(length(CAST(NEW.if_match AS BLOB)), 0) + coalesce(length(CAST(NEW.parts AS BLOB)), 0)) <> 0; END;

INSERT INTO alembic_version VALUES ('0027');

