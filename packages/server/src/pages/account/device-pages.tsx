import { Fact } from '../components/agent-card.js'
import { Hidden, HiddenFields, ProblemBox } from '../components/forms.js'
import { renderLayout } from '../components/layout.js'
import { Host, Icon } from '../components/marks.js'
import { DayAndTime, TimeOfDay } from '../components/moment.js'
import { Caution } from '../components/notices.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { AccountFrame, DeviceEntry } from '../models/account-models.js'
import type { ConnectDevicePage, DeviceCodePage, ReturnToDevicePage } from '../models/device-models.js'
import { formOf, renderAccountLayout } from './account-layout.js'

/**
 * Renders the question whether a program on this computer may act for the user, `data-state="connect-device"`.
 *
 * @returns A complete HTML document.
 */
export function renderConnectDevice(model: ConnectDevicePage, messages: Messages = en): string {
  const { devices } = messages.account
  const { problem } = model
  const name = messages.quoted(<bdi>{model.device}</bdi>)
  return renderAccountLayout({
    frame: model,
    messages,
    title: devices.connect,
    state: 'connect-device',
    section: 'agents',
    inside: true,
    errorCode: problem,
    children: (
      <>
        <h1>{devices.question}</h1>
        {problem && <ProblemBox>{devices.tooMany}</ProblemBox>}
        <p class="lead">{devices.asks(name)}</p>
        <h2>{devices.asked}</h2>
        <dl class="facts">
          <Fact name={devices.account}>
            <Host>{model.user}</Host>
          </Fact>
          <Fact name={devices.device}>{name}</Fact>
          {model.ip !== undefined && (
            <Fact name={devices.network}>
              <Host>{model.ip}</Host>
            </Fact>
          )}
          <Fact name={devices.time}>
            <DayAndTime at={model.now} now={model.now} messages={messages} />
          </Fact>
        </dl>
        <p class="small">{devices.unchecked}</p>
        {!problem && (
          <>
            <Caution>{devices.notYou}</Caution>
            <Decision
              frame={model}
              action="connect-device"
              fields={model.request}
              yes={devices.yes}
              messages={messages}
            />
          </>
        )}
      </>
    ),
  })
}

interface DecisionForm {
  frame: AccountFrame
  action: string
  fields: Readonly<Record<string, string>>
  yes: string
  messages: Messages
}

/** Both choices look the same. */
function Decision({ frame, action, fields, yes, messages }: DecisionForm) {
  const form = formOf(frame)
  return (
    <form class="decision" method="post" action={form.action}>
      <Hidden name="action" value={action} />
      {Object.entries(fields).map(([name, value]) => (
        <Hidden name={name} value={value} />
      ))}
      <HiddenFields form={form} />
      <div class="choice">
        <button class="button" type="submit" name="consent" value="deny">
          {messages.account.devices.no}
        </button>
        <button class="button" type="submit" name="consent" value="grant">
          {yes}
        </button>
      </div>
    </form>
  )
}

/**
 * Renders the page that posts the decision to the device, `data-state="return-to-device"`. Without a script, the user presses the button.
 *
 * @returns A complete HTML document.
 */
export function renderReturnToDevice(model: ReturnToDevicePage, messages: Messages = en): string {
  const { devices } = messages.account
  const allowed = model.outcome === 'allowed'
  return renderLayout({
    frame: model,
    messages,
    title: devices.goBack,
    state: 'return-to-device',
    children: (
      <>
        <span class="mark" aria-hidden="true">
          <Icon name={allowed ? 'yes' : 'no'} />
        </span>
        <h1>{devices.goBack}</h1>
        <p class="lead">{allowed ? devices.connected : devices.denied}</p>
        <form method="post" action={model.action} data-sends="">
          {Object.entries(model.fields).map(([name, value]) => (
            <Hidden name={name} value={value} />
          ))}
          <button class="button" type="submit">
            {devices.goBack}
          </button>
        </form>
      </>
    ),
  })
}

/**
 * Renders the page with a code for a device without a browser: `data-state="device-code"`, `"device-code-issued"`, or
 * `"device-code-claimed"` once a device has presented the code.
 *
 * @returns A complete HTML document.
 */
export function renderDeviceCode(model: DeviceCodePage, messages: Messages = en): string {
  const { devices } = messages.account
  const { issued, claimed, problem } = model
  return renderAccountLayout({
    frame: model,
    messages,
    title: devices.codeHeading,
    state: claimed ? 'device-code-claimed' : issued ? 'device-code-issued' : 'device-code',
    section: 'agents',
    inside: true,
    errorCode: problem,
    children: (
      <>
        <h1>{devices.codeHeading}</h1>
        {problem && <ProblemBox>{problem === 'code_ended' ? devices.codeEnded : devices.tooMany}</ProblemBox>}
        {issued && claimed ? (
          <Claimed model={model} code={issued.code} claimed={claimed} messages={messages} />
        ) : (
          <>
            <p class="lead">{devices.codeLead}</p>
            <Caution>{devices.codeWarning}</Caution>
            {issued ? (
              <Issued model={model} issued={issued} messages={messages} />
            ) : (
              <OneButton frame={model} action="new-device-code" label={devices.getCode} />
            )}
          </>
        )}
      </>
    ),
  })
}

interface OneButtonForm {
  frame: AccountFrame
  action: string
  code?: string
  label: string
}

function OneButton({ frame, action, code, label }: OneButtonForm) {
  const form = formOf(frame)
  return (
    <form class="then" method="post" action={form.action}>
      <Hidden name="action" value={action} />
      {code !== undefined && <Hidden name="device_code" value={code} />}
      <HiddenFields form={form} />
      <button class="button" type="submit">
        {label}
      </button>
    </form>
  )
}

interface IssuedCode {
  model: DeviceCodePage
  issued: NonNullable<DeviceCodePage['issued']>
  messages: Messages
}

function Issued({ model, issued: { code, expiresAt }, messages }: IssuedCode) {
  const { devices } = messages.account
  return (
    <>
      <p>{devices.typeCode(<TimeOfDay at={expiresAt} messages={messages} />)}</p>
      <p class="large-code">
        <code>{code}</code>
      </p>
      <p class="small">{devices.notTyped}</p>
      <OneButton frame={model} action="check-device-code" code={code} label={devices.typed} />
    </>
  )
}

interface ClaimedCode {
  model: DeviceCodePage
  code: string
  claimed: NonNullable<DeviceCodePage['claimed']>
  messages: Messages
}

function Claimed({ model, code, claimed: { device, number, ip }, messages }: ClaimedCode) {
  const { devices } = messages.account
  return (
    <>
      <p class="lead">{devices.compare(messages.quoted(<bdi>{device}</bdi>), <Host>{model.user}</Host>)}</p>
      <p class="large-code">
        <code>{number}</code>
      </p>
      {ip !== undefined && (
        <dl class="facts">
          <Fact name={devices.network}>
            <Host>{ip}</Host>
          </Fact>
        </dl>
      )}
      <Caution>{devices.claimedWarning}</Caution>
      <Decision
        frame={model}
        action="confirm-device"
        fields={{ device_code: code }}
        yes={devices.same}
        messages={messages}
      />
    </>
  )
}

interface DeviceList {
  frame: AccountFrame
  devices: readonly DeviceEntry[]
  messages: Messages
}

/** The user's devices, and the forms that disconnect them. */
export function Devices({ frame, devices: entries, messages }: DeviceList) {
  const { devices } = messages.account
  const form = formOf(frame)
  const moment = (at: number) => <DayAndTime at={at} now={frame.now} messages={messages} />
  return (
    <section>
      <h2>{devices.heading}</h2>
      <p>{devices.lead}</p>
      <ul class="entries rows">
        {entries.map(({ id, name, since, lastUsed, ip, ends }) => (
          <li>
            <Icon name="device" />
            <div>
              <p>
                <bdi>{name}</bdi>
              </p>
              <p class="small">
                {messages.sentences(
                  devices.connectedOn(moment(since)),
                  ip === undefined
                    ? devices.lastUsedOn(moment(lastUsed))
                    : devices.lastUsedFrom(moment(lastUsed), <bdi>{ip}</bdi>),
                  ends === undefined ? devices.stays : devices.endsOn(moment(ends)),
                )}
              </p>
            </div>
            <form role="none" method="post" action={form.action}>
              <Hidden name="action" value="disconnect-device" />
              <Hidden name="device" value={id} />
              <HiddenFields form={form} />
              <button class="link" type="submit">
                {devices.disconnect}{' '}
                <span class="unseen">
                  <bdi>{name}</bdi>
                </span>
              </button>
            </form>
          </li>
        ))}
      </ul>
    </section>
  )
}
