import { Hidden } from './hidden-fields.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage, Duration } from './models.js'

/** For how long: a choice where there is one, and how it ends before that. */
export function DurationChoice({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const { durations, accountPath } = model
  const explanation = accountPath ? (
    <p>
      {messages.whileAway} {messages.stopIn(<a href={accountPath}>{messages.myAgents}</a>)}{' '}
      {messages.heldRunsOut(model.tokenLifetime)}
    </p>
  ) : (
    <p>
      {messages.whileAway} {messages.runsOut(model.tokenLifetime)}
    </p>
  )
  if (!durations || durations.choices.length === 1) {
    return (
      <section>
        <h2>{messages.howLong}</h2>
        {durations && (
          <>
            <p class="settled">{labelOf(durations.preset, messages)}</p>
            <Hidden name="duration" value={String(durations.preset)} />
          </>
        )}
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

/** An hour or less is called a task: nobody thinks of a task in minutes. */
function labelOf(duration: Duration, messages: Messages): string {
  if (duration === 'until-removed') return messages.untilRemoved
  return duration <= 3600 ? messages.onlyThisTask(duration) : messages.duration(duration)
}
