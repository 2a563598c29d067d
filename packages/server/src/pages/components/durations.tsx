import type { Extent } from '../../lib/policy.js'
import type { Messages } from '../messages/messages.js'
import type { ConsentPage } from '../models/models.js'
import type { ShownCall } from '../models/request-blocks.js'
import { Hidden, passkeyFormId } from './forms.js'
import { CallText } from './marks.js'

/** The duration: a choice if there are several, and how to revoke access earlier. */
export function DurationChoice({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const { durations, accountPath, call } = model
  const form = model.passkey && passkeyFormId
  const once = call && <OnceExplanation call={call} messages={messages} />
  const explanation = (
    <p class="after">
      {messages.sentences(
        model.agent !== model.resource && messages.whileAway,
        messages.removeIn(<a href={accountPath}>{messages.myAgents}</a>),
        messages.worksOn(model.tokenLifetime),
        model.asksAgain && messages.askedAgain,
      )}
    </p>
  )
  return (
    <section>
      <Durations of={durations} form={form} messages={messages} />
      {once}
      {!(durations.choices.length === 1 && durations.preset === 'once') && explanation}
    </section>
  )
}

interface DurationFields {
  of: ConsentPage['durations']
  /** The id of the form that they belong to. @default the form around them */
  form?: string | undefined
  messages: Messages
}

/** The choices of a duration, or the only one. */
export function Durations({ of: { choices, preset }, form, messages }: DurationFields) {
  if (choices.length === 1) {
    return (
      <>
        <h2>{messages.howLong}</h2>
        <p class="settled">{labelOf(preset, messages)}</p>
        <Hidden name="duration" value={String(preset)} />
      </>
    )
  }
  return (
    <fieldset>
      <legend>
        <h2>{messages.howLong}</h2>
      </legend>
      <div class="options">
        {choices.map((duration) => (
          <label>
            <input
              type="radio"
              name="duration"
              value={String(duration)}
              checked={duration === preset}
              required
              form={form}
            />
            {labelOf(duration, messages)}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

function labelOf(duration: Extent, messages: Messages): string {
  if (duration === 'once') return messages.once
  return duration === 'until-removed' ? messages.untilRemoved : messages.duration(duration)
}

/** What "just this once" allows. */
function OnceExplanation({ call, messages }: { call: ShownCall; messages: Messages }) {
  const allows = messages.onceAllows(<CallText text={call.text} />, call.lifetime)
  return <p class="after">{messages.sentences(allows, call.hasBody && messages.onceSends)}</p>
}
