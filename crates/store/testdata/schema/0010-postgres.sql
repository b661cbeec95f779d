INSERT INTO journal_pending (org, id) VALUES (1, 2);
SELECT setval('inner_id', 2), setval('journal_id_seq', 2);
