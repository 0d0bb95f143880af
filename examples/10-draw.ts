/** A flow can be drawn before it ever runs: every link is data, derived ones and conditions included. */
import { Flow, gt } from 'millrace';
import { toSvg } from 'millrace/draw';

const flow = new Flow<{ text: string }>('review');
const score = flow.step('score', ({ text }) => text.length, {
  text: flow.input.text,
});
const praise = flow.step(
  'praise',
  ({ of }) => `${of} letters!`,
  { of: score.out },
  { when: gt(score.out, 10) },
);
const review = flow.output({ praise: praise.out });

console.log(toSvg(review, { title: 'review' }).startsWith('<svg'));
console.log(review.toMermaid().trimEnd());

// prints:
// true
// flowchart TD
//   input(["input<br>text"])
//   s_score["score"]
//   s_praise["praise<br>when score.return > 10"]
//   output(["output<br>praise"])
//   input --> s_score
//   s_score --> s_praise
//   s_praise --> output
