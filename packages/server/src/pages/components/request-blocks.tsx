import type { Messages } from '../messages/messages.js'
import type { ConsentPage } from '../models/models.js'
import { Fact } from './agent-card.js'
import { Asker, DelegateName, Host } from './marks.js'
import { DayAndTime } from './moment.js'
import { MissingInfo } from './notices.js'

interface Block {
  model: ConsentPage
  messages: Messages
}

/** The code with which the user came, to be compared with the one that the agent shows. */
export function LargeCode({ model: { largeCode }, messages }: Block) {
  if (largeCode === undefined) return null
  return (
    <div class="compare">
      <p>{messages.blocks.compareCode(<strong>{messages.deny}</strong>)}</p>
      <p class="large-code">
        <code>
          <bdi>{largeCode}</bdi>
        </code>
      </p>
    </div>
  )
}

/** What it means to allow an agent that acts for no one yet. */
export function Enrolment({ model: { enrols, agentId, agentHost }, messages }: Block) {
  if (!enrols) return null
  return (
    <section>
      <h2>{messages.blocks.enrolment}</h2>
      <p>{messages.blocks.enrols(<Host>{agentId ?? agentHost}</Host>)}</p>
    </section>
  )
}

/** Which of the user's own devices asks, and from where, so that users recognize a request that they did not start. */
export function OwnDevice({ model: { ownDevice, user, requestedAt, now }, messages }: Block) {
  if (!ownDevice) return null
  const { devices } = messages.account
  return (
    <section>
      <h2>{ownDevice.isRemote ? devices.questionElsewhere : devices.question}</h2>
      <dl class="facts">
        <Fact name={devices.account}>
          <Host>{user}</Host>
        </Fact>
        <Fact name={devices.device}>
          <DelegateName delegate={ownDevice.name} messages={messages} />
        </Fact>
        {ownDevice.ip !== undefined && (
          <Fact name={devices.network}>
            <Host>{ownDevice.ip}</Host>
          </Fact>
        )}
        <Fact name={devices.time}>
          <DayAndTime at={requestedAt} now={now} messages={messages} />
        </Fact>
      </dl>
      <p class="small">{devices.unchecked}</p>
    </section>
  )
}

/** What the resource says about itself, and for which account the agent asks, in quotation marks. */
export function ResourceSays({ model: { resourceSays, resourceHost }, messages }: Block) {
  const { description, needs, account, isUnreachable } = resourceSays ?? {}
  const resource = <Host>{resourceHost}</Host>
  const { blocks } = messages
  const saysSomething = description !== undefined || needs !== undefined || account !== undefined
  return (
    <>
      {isUnreachable && <MissingInfo>{blocks.resourceUnreachable(resource)}</MissingInfo>}
      {saysSomething && (
        <section class="said">
          <h2>{blocks.resourceSays(resource)}</h2>
          {description !== undefined && <Quoted text={description} />}
          {needs !== undefined && <p class="small">{blocks.needs[needs](resource)}</p>}
          {account !== undefined && (
            <dl>
              <div>
                <dt>{blocks.account}</dt>
                <dd>{messages.quoted(<bdi>{account}</bdi>)}</dd>
              </div>
            </dl>
          )}
        </section>
      )}
    </>
  )
}

/** What the agent says about its request, under its own name, and marked as unchecked. */
export function AgentSays({ model, messages }: Block) {
  const { agentSays, agentId } = model
  const { reason, platform, device } = agentSays ?? {}
  const { blocks } = messages
  if (reason === undefined && platform === undefined && device === undefined) return null
  return (
    <section class="said">
      <h2>{blocks.agentSays(<Asker model={model} id={agentId} messages={messages} />)}</h2>
      {reason !== undefined && <Quoted text={reason} />}
      {(platform !== undefined || device !== undefined) && (
        <dl>
          {platform !== undefined && (
            <div>
              <dt>{blocks.platform}</dt>
              <dd>{blocks.platforms[platform]}</dd>
            </div>
          )}
          {device !== undefined && (
            <div>
              <dt>{blocks.device}</dt>
              <dd>{messages.quoted(<bdi>{device}</bdi>)}</dd>
            </div>
          )}
        </dl>
      )}
      <p class="small">{blocks.agentSaysUnchecked}</p>
    </section>
  )
}

/** Someone else's words: indented, in their own direction, and with their line breaks. */
function Quoted({ text }: { text: string }) {
  return (
    <blockquote dir="auto">
      {text.split('\n').map((line) => (
        <p>{line}</p>
      ))}
    </blockquote>
  )
}
