// Loaded before the server by `node --import`: makes it the version after this one, which knows one migration more.

import { migrations } from '../../dist/storage/postgres/migrate.js'

const tables = ['app_user', 'session', 'agent', 'auth_request', 'code', 'consent_grant', 'refresh_token', 'audit_event']
const columns = tables.map((table) => `alter table ${table} add column only_next_version text`)
migrations.push([...columns, `update schema_version set version = ${migrations.length + 1}`].join(';'))
