import { sqliteStorage } from 'countersign-server/sqlite'
import { contracts } from './contracts.js'

for (const contract of contracts) contract('sqliteStorage in memory', (options) => sqliteStorage(':memory:', options))
