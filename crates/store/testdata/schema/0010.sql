-- Rows as schema 10 keeps them. For PostgreSQL, X'…' becomes '\x…'.
INSERT INTO org (org, slug, wrapped_key) VALUES (1, 'clinic', X'0101'), (2, 'other', X'0202');
INSERT INTO secret (org, name, sealed) VALUES (1, 'ledger', X'0303');
INSERT INTO credential (org, login, sealed, revoked) VALUES (1, X'0404040404040404040404040404040404040404040404040404040404040404', X'05', 0);
INSERT INTO policy (org, hash, text) VALUES (1, X'0606060606060606060606060606060606060606060606060606060606060606', 'default');
INSERT INTO message (id, org, message, received_at, state, body_segment, body_offset, body_length, body_checksum, body_bytes, stream, campaign, subject_index, recipient_domains, tags, fields, envelope) VALUES
    (1, 1, X'11111111111111111111111111110001', 1800000001000000, 1, 1, 0, 10, 7, 9, 'default', NULL, X'07070707070707070707070707070707', X'0808080808080808080808080808080809090909090909090909090909090909', '["a"]', '{"k":"v"}', X'aa'),
    (2, 2, X'11111111111111111111111111110002', 1800000002000000, 0, 1, 10, 10, 7, 9, 'default', 'spring', X'07070707070707070707070707070707', X'', NULL, NULL, X'bb');
INSERT INTO message_key (id, org, wrapped_key) VALUES (1, 1, X'0a0a'), (2, 2, X'0000');
INSERT INTO parcel_content (id, org, sealed) VALUES (1, 1, X'cc');
INSERT INTO parcel (parcel, org, message_id, content_id, kind, state, due, attempts, created_at, lane, destination, wait) VALUES
    (X'22222222222222222222222222220001', 1, 1, 1, 3, 0, 1800000009000000, 2, 1800000000000000, 1152921504963968708, X'25252525252525252525252525252525', 3);
INSERT INTO journal (id, org, message, at, entry) VALUES
    (1, 1, X'11111111111111111111111111110001', 1800000001000000, X'0d'),
    (2, 1, NULL, 1800000002000000, X'0e');
INSERT INTO link (org, hash, message_id, recipient, version, created_at, expires_at, sealed) VALUES
    (1, X'0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f', 1, 0, 4, 1800000001000000, 1800000100000000, X'10');
INSERT INTO posture (org, domain, best, best_at, last, last_at) VALUES
    (1, X'12121212121212121212121212121212', 2, 1800000001000000, 1, 1800000002000000);
INSERT INTO run (org, first_position, first_journal, last_journal, journal_ids, frontier, checkpoint, at) VALUES
    (1, 0, 1, 1, X'02', X'13', 'signed note', 1800000003000000);
INSERT INTO recipient_key (org, key, address, fingerprint, format, state, source, version, first_seen, last_seen, changed_at, expires_at, sealed) VALUES
    (1, X'33333333333333333333333333330001', X'14141414141414141414141414141414', X'15151515151515151515151515151515', 0, 0, 2, 3, 1800000001000000, 1800000002000000, 1800000003000000, NULL, X'16');
INSERT INTO discovery (org, subject, found, at, until) VALUES
    (1, X'17171717171717171717171717171717', 1, 1800000001000000, 1800000100000000);
INSERT INTO org_key (org, key, format, state, version, created_at, changed_at, expires_at, sealed) VALUES
    (1, X'44444444444444444444444444440001', 1, 0, 2, 1800000001000000, 1800000002000000, 1900000000000000, X'18');
INSERT INTO once (org, mark, value, until) VALUES
    (1, X'1919191919191919191919191919191919191919191919191919191919191919', X'1a', 1800000100000000);
INSERT INTO claim (org, name, holder, until) VALUES
    (1, 'watch', X'1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b', 1800000100000000);
INSERT INTO watch_round (org, domain, at, sealed) VALUES
    (1, X'1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c', 1800000001000000, X'1d');
INSERT INTO sts_policy (org, domain, until, sealed) VALUES
    (1, X'1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e', 1800000100000000, X'1f');
INSERT INTO tls_session (org, day, domain, kind, sessions, sealed) VALUES
    (1, 20000, X'20202020202020202020202020202020', X'2121212121212121212121212121212121212121212121212121212121212121', 3, X'22');
INSERT INTO report (org, mark, at, sealed) VALUES
    (1, X'2323232323232323232323232323232323232323232323232323232323232323', 1800000001000000, X'24');
INSERT INTO acme (org, name, until, sealed) VALUES
    (1, 'certificate', 1800000100000000, X'26');
INSERT INTO suppression (org, suppression, mailbox, stream, reason, at, sealed) VALUES
    (1, X'27272727272727272727272727272727', X'28282828282828282828282828282828', '', 1, 1800000001000000, X'29');
