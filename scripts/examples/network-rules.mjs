import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start } from './run-program.mjs'
import { notThere } from './stage.mjs'

/** Runs commands in a separate network namespace, in which they may set firewall rules. */
const apart = ['-rn', 'bash', '-euc']

/** An API on port 3000 of 10.0.0.5, and another machine with the addresses 10.0.0.7 and 10.0.0.8. */
const network = `
ip link set lo up
unshare -n sleep 30 & other=$!
python3 -m http.server 3000 --bind 0.0.0.0 >/dev/null 2>&1 & api=$!
trap 'kill $other $api' EXIT
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link add near type veth peer name far
ip link set far netns $other
ip address add 10.0.0.5/24 dev near
ip link set near up
there() { nsenter -t $other -n "$@"; }
there ip address add 10.0.0.7/24 dev far
there ip address add 10.0.0.8/24 dev far
there ip link set far up
status() { "$@" -s -m 2 -o /dev/null -w '%{http_code}' "$url" || true; }
until curl -s -o /dev/null http://127.0.0.1:3000/; do sleep 0.1; done
url=http://10.0.0.5:3000/
from() { echo "$1 $(status there curl --interface "$1")"; }
inside() { url=http://127.0.0.1:3000/; echo "inside $(status curl)"; }
`

async function answers({ cwd }, commands) {
  const { status, stdout, stderr } = await start('unshare', [...apart, network + commands], { cwd }).ended
  assert.equal(status, 0, stderr)
  return stdout.trim().split('\n')
}

const canSetRules = () => spawnSync('unshare', [...apart, 'nft add table inet api']).status === 0

export async function onlyGatewayAddress(stage) {
  if (!canSetRules()) return notThere
  const rules = join(stage.examples, 'nftables-api.conf')
  const commands = `from 10.0.0.7; from 10.0.0.8; nft -f ${rules}; from 10.0.0.7; from 10.0.0.8`
  const expected = ['10.0.0.7 200', '10.0.0.8 200', '10.0.0.7 200', '10.0.0.8 000']
  assert.deepEqual(await answers(stage, commands), expected)
}

export async function onlyGatewayUser(stage) {
  if (!canSetRules()) return notThere
  const rules = readFileSync(join(stage.examples, 'nftables-local.conf'), 'utf8')
  assert.match(rules, /"gateway"/)
  // The caller is root, the only user in that namespace.
  for (const user of ['root', 'nobody']) writeFileSync(join(stage.cwd, user), rules.replace('gateway', user))
  const commands = 'inside; nft -f root; inside; nft delete table inet api; nft -f nobody; inside'
  assert.deepEqual(await answers(stage, commands), ['inside 200', 'inside 200', 'inside 000'])
}
