/** The flow: a forecast is fetched, a text about it is written word by word, and both are shown. */
import { Flow } from 'millrace';

interface Forecast {
  readonly sky: string;
  readonly degrees: number;
}

const flow = new Flow<{ city: string }>('weather');

const forecast = flow.step(
  'forecast',
  async ({ city }: { city: string }, { signal }): Promise<Forecast> => {
    const response = await fetch(`/forecast/${encodeURIComponent(city)}`, { signal });
    if (!response.ok) throw new Error(`No forecast for ${city}`);
    return response.json();
  },
  { city: flow.input.city },
);

const report = flow.step(
  'report',
  async function* ({ sky, degrees }: Forecast) {
    for (const word of ['It is', sky, 'at', degrees, 'degrees.']) {
      yield `${word} `;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  { sky: forecast.out.sky, degrees: forecast.out.degrees },
);

export const weather = flow.output({ forecast: forecast.out, report: report.out });
