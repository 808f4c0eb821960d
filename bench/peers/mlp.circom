pragma circom 2.1.0;

// A perceptron with two or more dense layers and ReLU between them, in fixed point: hidden weights,
// a hidden input, and scores that are public.
//
// Numbers have FRACTION bits behind the point. A sum of products has twice as many; the bits of it
// and its sign, BITS in all, give what is left of it after ReLU, rounded down.

function fraction() { return 12; }
function bits() { return 36; }

// accumulated[j] = sum_i weight[j][i] x[i] + bias[j] 2^FRACTION: a row for each product.
template Dense(inputs, outputs) {
    signal input x[inputs];
    signal input weight[outputs][inputs];
    signal input bias[outputs];
    signal output accumulated[outputs];
    signal product[outputs][inputs];
    for (var j = 0; j < outputs; j++) {
        var sum = bias[j] * (1 << fraction());
        for (var i = 0; i < inputs; i++) {
            product[j][i] <== weight[j][i] * x[i];
            sum += product[j][i];
        }
        accumulated[j] <== sum;
    }
}

// max(x, 0) / 2^FRACTION for -2^(BITS - 1) <= x < 2^(BITS - 1): a row a bit, and one for the sign.
template RescaledRelu() {
    signal input x;
    signal output y;
    signal bit[bits()];
    var low = 0, high = 0;
    for (var i = 0; i < bits(); i++) {
        bit[i] <-- ((x + (1 << (bits() - 1))) >> i) & 1;
        bit[i] * (bit[i] - 1) === 0;
        low += bit[i] * (1 << i);
        if (i >= fraction() && i < bits() - 1) {
            high += bit[i] * (1 << (i - fraction()));
        }
    }
    low === x + (1 << (bits() - 1));
    y <== bit[bits() - 1] * high;
}

template Hidden(inputs, outputs) {
    signal input x[inputs];
    signal input weight[outputs][inputs];
    signal input bias[outputs];
    signal output y[outputs];
    component dense = Dense(inputs, outputs);
    dense.x <== x;
    dense.weight <== weight;
    dense.bias <== bias;
    component relu[outputs];
    for (var j = 0; j < outputs; j++) {
        relu[j] = RescaledRelu();
        relu[j].x <== dense.accumulated[j];
        y[j] <== relu[j].y;
    }
}
