export { maxFormBytes, readForm, readParameters, requireParameter } from 'countersign'
