// Loaded before the server with `node --import`. Turns it into the next version, which has one more migration.

import { migrations } from '../../dist/storage/postgres/migrations.js'

const tables = ['app_user', 'session', 'agent', 'auth_request', 'code', 'consent_grant', 'refresh_token', 'audit_event']
const columns = tables.map((table) => `alter table ${table} add column only_next_version text`)
migrations.push([...columns, `update schema_version set version = ${migrations.length + 1}`].join(';'))
