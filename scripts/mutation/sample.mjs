import { createHash } from 'node:crypto'

/** The areas of a sample, each with the built files that it is drawn from. If several prefixes match, the longest one applies. */
export const areas = {
  httpsig: [
    'countersign/dist/httpsig/',
    'countersign/dist/lib/',
    ...ofJanuary('resolve-key', 'resolve-published-key', 'resolve-token'),
    ...ofJanuary('signature-key', 'signature-problem', 'signing'),
  ],
  tokens: [
    'countersign/dist/tokens/',
    'countersign/dist/discovery/',
    'countersign/dist/protocol/',
    'countersign/dist/x509/',
    ...ofJanuary('documents', 'revocation-list', 'tokens'),
  ],
  resource: [
    'countersign/dist/resource/',
    'countersign/dist/node/',
    'countersign/dist/editions/',
    ...ofJanuary('challenge', 'january', 'january-resource', 'judge-level', 'refusals'),
    ...ofJanuary('resource-protocol'),
  ],
  agent: [
    'countersign/dist/agent/',
    'countersign/dist/editions/auth-server-requests.js',
    'countersign/dist/editions/consent-store.js',
    'countersign/dist/node/file-store.js',
    'countersign/dist/node/consent-display.js',
    'countersign/dist/node/listen-on-loopback.js',
    'countersign/dist/node/loopback-consent.js',
    'countersign/dist/node/read-pasted.js',
    'countersign/dist/node/private-files.js',
    ...ofJanuary('agent-protocol', 'january-agent', 'consent-waiters', 'pending-consents'),
    ...ofJanuary('request-auth-token', 'token-endpoint'),
  ],
  gateway: ['gateway/dist/'],
  storage: ['server/dist/storage/'],
  token: ['server/dist/editions/', 'server/dist/secrets/'],
  consent: [
    'server/dist/consent/',
    'server/dist/sign-in/',
    'server/dist/account/',
    'server/dist/http/',
    'server/dist/config/personal-agents.js',
    'server/dist/lib/',
    'server/dist/pages/check-brand.js',
    'server/dist/admission/',
    'server/dist/outbound/',
  ],
}

function ofJanuary(...names) {
  return names.map((name) => `countersign/dist/editions/january/${name}.js`)
}

/**
 * @param {string} file a built file, with `/`, below `packages`
 * @returns {string | undefined} the area that it belongs to
 */
export function areaOf(file) {
  const fitting = Object.entries(areas).flatMap(([area, prefixes]) =>
    prefixes.filter((prefix) => file.startsWith(prefix)).map((prefix) => ({ area, length: prefix.length })),
  )
  return fitting.sort((a, b) => b.length - a.length)[0]?.area
}

/**
 * Draws from a list without replacement. The same seed draws the same items from the same list, on every machine.
 *
 * @template T
 * @param {readonly T[]} candidates
 * @param {number} count
 * @param {string} seed
 * @returns {T[]} in the order in which they were drawn
 */
export function drawSample(candidates, count, seed) {
  const random = createRandom(seed)
  const rest = [...candidates]
  const drawn = []
  while (drawn.length < count && rest.length > 0) {
    const at = Math.floor(random() * rest.length)
    drawn.push(rest[at])
    rest[at] = rest[rest.length - 1]
    rest.pop()
  }
  return drawn
}

/** Random numbers from 0 (inclusive) to 1 (exclusive), by mulberry32. */
function createRandom(seed) {
  let state = createHash('sha256').update(seed).digest().readUInt32LE()
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
