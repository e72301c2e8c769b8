/* pgbackup--0.3.0--0.4.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.4.0'" to load this file. \quit
