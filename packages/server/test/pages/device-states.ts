import {
  type Messages,
  renderAgents,
  renderConnectDevice,
  renderDeviceCode,
  renderReturnToDevice,
} from 'countersign-server/pages'
import { accountFrame, agentsModel, now } from './account-models.js'
import { equipped, frame } from './models.js'

const day = 86_400

/** The states of the pages about a user's devices. */
export function deviceStates(messages: Messages): [string, string][] {
  const connecting = { ...accountFrame, device: 'ada-laptop', ip: '203.0.113.7', request: { state: 'x' } }
  const issued = { code: '7KQ2-M4XD', expiresAt: now + 300 }
  const claimed = { device: 'build-server', number: '47', ip: '198.51.100.23' }
  const action = 'http://127.0.0.1:49152/callback'
  // Its script would leave the page at once.
  const page = { ...frame, ...equipped, script: undefined, action, fields: { state: 'x' } }
  const returning = (outcome: 'allowed' | 'denied') => renderReturnToDevice({ ...page, outcome }, messages)
  const code = (model: Partial<Parameters<typeof renderDeviceCode>[0]>) =>
    renderDeviceCode({ ...accountFrame, ...model }, messages)
  const confirmed = (isAllowed: boolean) => ({ confirmed: { device: 'W'.repeat(60), isAllowed } })
  const devices = [
    { id: '1', name: 'ada-laptop', since: now - 20 * day, lastUsed: now - 3600, ip: '203.0.113.7' },
    { id: '2', name: 'W'.repeat(60), since: now - 3600, lastUsed: now - 60, ends: now + day },
  ]
  return [
    ['agents-devices', renderAgents(agentsModel({ devices, deviceCodeHref: '/account/devices/code' }), messages)],
    ['agents-devices-only', renderAgents(agentsModel({ agents: [], devices }), messages)],
    ['agents-device-confirmed', renderAgents(agentsModel({ agents: [], devices, ...confirmed(true) }), messages)],
    ['agents-device-denied', renderAgents(agentsModel({ agents: [], ...confirmed(false) }), messages)],
    ['connect-device', renderConnectDevice(connecting, messages)],
    ['connect-device-too-many', renderConnectDevice({ ...connecting, problem: 'too_many_devices' }, messages)],
    ['return-to-device', returning('allowed')],
    ['return-to-device-denied', returning('denied')],
    ['device-code', code({})],
    ['device-code-issued', code({ issued })],
    ['device-code-claimed', code({ issued, claimed })],
    ['device-code-ended', code({ problem: 'code_ended' })],
  ]
}
