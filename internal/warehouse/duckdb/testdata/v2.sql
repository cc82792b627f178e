-- A store as version 2 wrote it. Frozen: never edit, add v3.sql.
CREATE TABLE schema_versions(version INTEGER, applied TIMESTAMP);
INSERT INTO schema_versions VALUES (1, TIMESTAMP '2026-01-01'), (2, TIMESTAMP '2026-11-21');
CREATE TABLE events(ts TIMESTAMP, sid BIGINT, eid BIGINT, spec_id BIGINT, site VARCHAR, name VARCHAR,
  type VARCHAR, spec VARCHAR, method VARCHAR, status INTEGER, outcome VARCHAR, rating UTINYINT, points INTEGER,
  duration BIGINT, join_reason VARCHAR, revision VARCHAR, sync BOOLEAN, truncated BOOLEAN, turned BOOLEAN,
  part SMALLINT, seq BIGINT, ip VARCHAR, email VARCHAR, username VARCHAR, customer_id VARCHAR, phone VARCHAR,
  country VARCHAR, city VARCHAR, url_path VARCHAR, user_agent VARCHAR, browser VARCHAR, os VARCHAR, device_class VARCHAR,
  bot_name VARCHAR, transaction_amount DOUBLE, currency VARCHAR, order_id VARCHAR, refund_id VARCHAR, card_number VARCHAR,
  promo_code VARCHAR, product_id VARCHAR, search_query VARCHAR, extra MAP(VARCHAR, VARCHAR), labels VARCHAR[], detail VARCHAR);
CREATE TABLE sessions(sid BIGINT, spec_id BIGINT, site VARCHAR, start TIMESTAMP, last TIMESTAMP,
  events INTEGER, rating UTINYINT, points INTEGER, n_labels INTEGER, labels VARCHAR[], signatures VARCHAR[],
  ip VARCHAR, country VARCHAR, city VARCHAR, user_agent VARCHAR, account VARCHAR, detail VARCHAR,
  recognised VARCHAR DEFAULT 'unrecorded', candidates VARCHAR DEFAULT '', merged_into BIGINT DEFAULT 0);
CREATE TABLE session_entities(vh BIGINT, element VARCHAR, value VARCHAR, sid BIGINT, first TIMESTAMP, last TIMESTAMP);
CREATE TABLE entities(vh BIGINT, element VARCHAR, value VARCHAR, first TIMESTAMP);
CREATE TABLE positions(part SMALLINT, seq BIGINT);
INSERT INTO positions VALUES (3, 41);
INSERT INTO sessions VALUES (500, 9, 'shop', make_timestamp(1700000000000000), make_timestamp(1700000005000000), 1, 2, 90, 1,
  ['many_logins'], ['takeover'], '192.0.2.1', 'DE', 'Berlin', 'Chrome 130 on Windows', 'ann',
  '{"l":[{"id":"many_logins","title":"Many","severity":"high","points":90,"event_id":"501","time":1700000000000000,"evidence":[{"what":"w","value":"27"}]}],"s":[{"id":"takeover","title":"T","rating":"malicious","labels":["many_logins"],"event_id":"501","time":1700000000000000}]}',
  'ticket', '[{"spec_id":"8","confidence":87,"reasons":["same address"]}]', 600);
INSERT INTO events(ts, sid, eid, spec_id, site, name, type, spec, method, status, outcome, rating, points, duration, join_reason,
  revision, sync, truncated, turned, part, seq, ip, email, transaction_amount, extra, labels, detail)
  VALUES (make_timestamp(1700000000000000), 500, 501, 9, 'shop', 'Login', 'authentication_attempt', 'spec/login', 'POST', 200,
  'success', 2, 90, 1234, 'cookie', 'r1', true, false, true, 3, 41, '192.0.2.1', 'ann@example.com', 129.9,
  MAP {'quantity': '2'}, ['many_logins'],
  '{"e":[{"i":"ip","n":true,"h":98},{"i":"email","n":true,"h":99},{"i":"transaction_amount","v":"129.90"},{"i":"quantity"}],"c":{"from":"normal","to":"malicious","reason":"points 90"}}');
INSERT INTO session_entities VALUES (99, 'email', 'ann@example.com', 500, make_timestamp(1700000000000000), make_timestamp(1700000005000000));
INSERT INTO entities VALUES (99, 'email', 'ann@example.com', make_timestamp(1700000000000000));
CREATE TABLE spec_changes(spec_id BIGINT, into_id BIGINT, kind VARCHAR, ts TIMESTAMP, reason VARCHAR,
  part SMALLINT, seq BIGINT, place INTEGER);
CREATE TABLE actor_links(a BIGINT, b BIGINT, element VARCHAR, vh BIGINT, eid BIGINT, ts TIMESTAMP);
INSERT INTO spec_changes VALUES (9, 8, 'merge', make_timestamp(1700000005000000), 'both proved to own one account', 3, 41, 0);
INSERT INTO actor_links VALUES (8, 20, 'card_number', 77, 501, make_timestamp(1700000005000000));
