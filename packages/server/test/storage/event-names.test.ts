import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventNames } from 'countersign-server'
import { expect, it } from 'vitest'

const source = fileURLToPath(new URL('../../src/', import.meta.url))
const written =
  /'((?:access|account|agent|audit|code|consent|database|device|email|factor|form|grant|identity|keys?|link|passkey|password|permission|refresh|requests?|revocation|sessions?|signin|token|user)\.[a-z_]+)'/g

it('lists every event that the server writes, and no other', () => {
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('audit-events.ts'))
    .flatMap((file) => [...readFileSync(source + file, 'utf8').matchAll(written)].map(([, name = '']) => name))
    .filter((name) => !name.endsWith('.css'))
  expect([...new Set(names)].sort()).toEqual([...eventNames])
})
