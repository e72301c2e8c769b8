-- The database of which pg_dump --format=directory --compress=0 has made
-- toc-1.14.dat (version 15) and toc-1.16.dat (version 17).
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('new', 'paid');
CREATE TABLE shop.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state shop.state DEFAULT 'new', total numeric(10,2) CHECK (total >= 0), note text);
CREATE TABLE shop.items (order_id int REFERENCES shop.orders, item text, PRIMARY KEY (order_id, item));
CREATE TABLE shop."odd ""name" (a int, b int GENERATED ALWAYS AS (a * 2) STORED) ;
CREATE TABLE shop.log (at date, line text) PARTITION BY RANGE (at);
CREATE TABLE shop.log_2026 PARTITION OF shop.log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON shop.log (at);
COMMENT ON TABLE shop.orders IS 'orders, größer als gedacht';
CREATE VIEW shop.paid AS SELECT * FROM shop.orders WHERE state = 'paid';
INSERT INTO shop.orders (total) VALUES (1), (2);
INSERT INTO shop.log VALUES ('2026-02-02', 'x');
SELECT lo_from_bytea(4711, 'abc');
