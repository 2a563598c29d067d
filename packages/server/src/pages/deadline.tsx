import { Caution } from './caution.js'
import { Hidden, HiddenFields } from './hidden-fields.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage } from './models.js'
import { TimeOfDay } from './moment.js'

/** Seconds before the end at which the page warns: more than the two minutes of WCAG 2.2.1. */
const WARN_BEFORE = 180

/** When the request ends, as a time of day, and the form that keeps it open. */
export function Deadline({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const { extend } = model
  const ends = <TimeOfDay at={model.expiresAt} messages={messages} />
  const line = <p class="small">{messages.endsAt(ends)}</p>
  if (!extend) return <div class="deadline">{line}</div>
  const warning = <Caution>{messages.endsSoon(ends)}</Caution>
  return (
    <div class="deadline">
      <div role="status" data-seconds-left={extend.secondsLeft} data-warn-before={WARN_BEFORE}>
        {extend.secondsLeft <= WARN_BEFORE ? (
          warning
        ) : (
          <>
            {line}
            <template>{warning}</template>
          </>
        )}
      </div>
      <form role="none" method="post" action={model.form.action} data-extend="">
        <Hidden name="action" value="extend" />
        <HiddenFields form={model.form} />
        <button class="link" type="submit">
          {messages.extend}
        </button>
      </form>
    </div>
  )
}
