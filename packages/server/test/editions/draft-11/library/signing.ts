import type { SigningProfile } from 'countersign/signatures'
import { parseSignatureKey, serializeSignatureKey } from './signature-key.js'

/** How requests are signed: without a nonce, and with the query where there is one. */
export const signing: SigningProfile = {
  components: [
    { name: '@method', when: 'always' },
    { name: '@authority', when: 'always' },
    { name: '@path', when: 'always' },
    { name: '@query', when: 'query' },
    { name: 'content-type', when: 'body' },
    { name: 'content-digest', when: 'body' },
    { name: 'signature-key', when: 'always' },
  ],
  window: 60,
  nonceBytes: undefined,
  label: 'sig',
  parseKey: parseSignatureKey,
  serializeKey: serializeSignatureKey,
}
