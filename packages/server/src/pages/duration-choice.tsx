import type { Duration } from '../policy/policy.js'
import { Hidden } from './hidden-fields.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage } from './models.js'

/** For how long: a choice where there is one, and how it ends before that. */
export function DurationChoice({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const { durations, accountPath } = model
  const explanation = (
    <p>
      {model.agent !== model.resource && messages.whileAway}{' '}
      {messages.removeIn(<a href={accountPath}>{messages.myAgents}</a>)} {messages.worksOn(model.tokenLifetime)}
    </p>
  )
  if (durations.choices.length === 1) {
    return (
      <section>
        <h2>{messages.howLong}</h2>
        <p class="settled">{labelOf(durations.preset, messages)}</p>
        <Hidden name="duration" value={String(durations.preset)} />
        {explanation}
      </section>
    )
  }
  return (
    <section>
      <fieldset>
        <legend>
          <h2>{messages.howLong}</h2>
        </legend>
        <div class="options">
          {durations.choices.map((duration) => (
            <label>
              <input
                type="radio"
                name="duration"
                value={String(duration)}
                checked={duration === durations.preset}
                required
              />
              {labelOf(duration, messages)}
            </label>
          ))}
        </div>
      </fieldset>
      {explanation}
    </section>
  )
}

function labelOf(duration: Duration, messages: Messages): string {
  return duration === 'until-removed' ? messages.untilRemoved : messages.duration(duration)
}
