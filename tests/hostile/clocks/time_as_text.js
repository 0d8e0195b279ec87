// Clocks that are no numbers: a date's text, and ICU, which has a clock of its own.
import { attack } from './attack.js';

const format = new Intl.DateTimeFormat('en', { fractionalSecondDigits: 3, second: 'numeric' });
const read = () => [Date(), String(new Date()), format.format(), format.formatToParts()[2]?.value,
  new Date().toISOString()].join();
export default attack(() => {
  const begin = read();
  for (let i = 0, sum = 0; i < 2e7; ++i) sum += i;
  return new Response(read() === begin ? 'stood still' : `passed: ${begin} ${read()}`);
});
