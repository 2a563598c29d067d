import { plusHeader, requiredComponents } from '../httpsig/crafted-message.js'
import type { Case, Outcome, Row } from './attack.js'
import {
  badRequest,
  headerChanged,
  lacks,
  type PartsOf,
  refused,
  refusedUnasked,
  resigned,
  resourceForm,
  tampered,
} from './crafted-cases.js'
import { signers } from './parties.js'
import { assemble, slots } from './token-slots.js'

const names = ['signature', 'signature-input', 'signature-key'] as const
const covered = requiredComponents(false, true, false)
const formType = { 'content-type': 'application/x-www-form-urlencoded' }
const identity: Outcome = { status: 401, error: 'invalid_request', agentAuth: /^httpsig; identity=\?1$/ }

/** The cases that every endpoint must reject for a signed form. `base` is a form that the endpoint accepts. */
function refusedOf(base: PartsOf): Case[] {
  return [
    ...names.flatMap((name) => [
      headerChanged(`no ${name}`, name, () => undefined, refusedUnasked, { base }),
      headerChanged(`another label in ${name}`, name, (value) => value.replace('sig1', 'sig2'), refusedUnasked, {
        base,
      }),
      tampered(`a second ${name}`, (sent) => plusHeader(sent, name, 'a=1'), refusedUnasked, { base }),
    ]),
    ...[-61, 61].map((offset) =>
      resigned(`created ${offset} s from now`, ({ clock }) => ({ created: clock.now + offset }), refusedUnasked, {
        base,
      }),
    ),
    ...covered.map((name) =>
      resigned(`${name} not covered`, { components: covered.filter((other) => other !== name) }, lacks(name), { base }),
    ),
    tampered('a query', (sent) => ({ ...sent, target: `${sent.target}?a=1` }), lacks('@query'), { base }),
    tampered('another body', (sent) => ({ ...sent, body: `${String(sent.body)}&a=1` }), refused, { base }),
    tampered('two Host headers', (sent) => plusHeader(sent, 'host', 'evil.example'), badRequest, { base }),
    tampered('dot segments', (sent) => ({ ...sent, target: `/a/..${sent.target}` }), badRequest, { base }),
    resigned('signed for another authority', { authority: 'evil.example' }, refused, { base }),
    resigned('a Nonce of 3 bytes', { fields: { ...formType, nonce: 'AAAA' } }, refusedUnasked, { base }),
    resigned('only md5', { fields: { ...formType, 'content-digest': 'md5=:AAAA:' } }, refused, { base }),
    resigned('signed with another key', { signer: signers.attacker }, refused, { base }),
    resigned('a key in the header', { signatureKey: 'own key' }, identity, { base }),
  ]
}

/** Verifier cases at the endpoints that are not middleware. */
export const endpointRows: readonly Row[] = [
  {
    id: 'S+ token endpoint',
    given: 'a signed request for an authorization',
    cases: refusedOf(async (stage) => slots.resource.bring(stage, await assemble(slots.resource.parts(stage)))),
  },
  {
    id: 'S+ resource token endpoint',
    given: 'a signed request for a resource token',
    cases: refusedOf(resourceForm({ scope: 'data.read' })),
  },
]
